import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bodyOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway();
});
afterAll(() => test.stop());

const publicRoutes = [
  "get /.well-known/jwks.json",
  "get /api/v1/.well-known/jwks.json",
  "get /health",
  "get /metrics",
  "get /ready",
  "post /api/v1/auth/login",
  "post /api/v1/auth/logout",
  "post /api/v1/auth/refresh",
  "post /api/v1/auth/signup",
];

interface Operation {
  name: string;
  method: string;
  path: string;
  security?: unknown[];
  responses: Record<string, unknown>;
  summary?: string;
}

async function operations(): Promise<{
  openapi: Awaited<ReturnType<typeof bodyOf>>;
  operations: Operation[];
}> {
  const openapi = await bodyOf(await test.call("//openapi.json"));
  const paths: Array<[string, Record<string, Omit<Operation, "name" | "method" | "path">>]> = Object.entries(
    openapi.paths,
  );
  const list = paths.flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, details]) => ({
      ...details,
      name: `${method} ${path}`,
      method,
      path,
    })),
  );
  return { openapi, operations: list };
}

describe("/openapi.json", () => {
  it("describes every route", async () => {
    const { openapi, operations: all } = await operations();
    expect(openapi.openapi).toBe("3.1.0");
    const photo = [
      "",
      "/caption",
      "/colors",
      "/events",
      "/faces",
      "/objects",
      "/original",
      "/preview",
      "/scene",
      "/text",
      "/thumbnail",
    ];
    expect(all.map(({ name }) => name).sort()).toEqual(
      [
        ...publicRoutes,
        "get /api/v1/photos",
        "get /api/v1/search",
        "get /api/v1/users/me",
        "post /api/v1/classify",
        "post /api/v1/detect/image",
        "post /api/v1/photos",
        ...photo.map((suffix) => `get /api/v1/photos/{id}${suffix}`),
      ].sort(),
    );
    for (const { summary } of all) expect(summary).toBeTruthy();
  });

  it("refers to nothing that it does not define", async () => {
    const { openapi } = await operations();
    const text = JSON.stringify(openapi);
    const components: Record<string, Record<string, unknown>> = openapi.components ?? {};
    for (const [, kind = "", name = ""] of text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)) {
      expect(components[kind], name).toHaveProperty(name);
    }
    expect(components.securitySchemes).toHaveProperty("bearer");
  });

  it("tells the truth about which routes need a token", async () => {
    const { operations: all } = await operations();
    const open = all.filter(({ security }) => !security).map(({ name }) => name);
    expect(open.sort()).toEqual(publicRoutes);
    for (const { method, path, security } of all) {
      if (!security) continue;
      const url = test.url + path.replace("{id}", "018f0000-0000-7000-8000-00000000dead");
      expect((await fetch(url, { method: method.toUpperCase() })).status, path).toBe(401);
    }
  });
});

describe("/docs", () => {
  it("needs nothing from elsewhere", async () => {
    for (const path of ["//docs", "//docs/reference.js", "//docs/reference.css"]) {
      const response = await test.call(path);
      expect(response.status).toBe(200);
      expect(await response.text()).not.toMatch(/https?:\/\//);
      expect(response.headers.get("content-security-policy")).toContain("script-src 'self'");
    }
  });
});
