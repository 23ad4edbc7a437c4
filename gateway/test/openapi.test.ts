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
  "get /api/v1/auth/oidc",
  "get /api/v1/auth/oidc/callback",
  "get /api/v1/auth/oidc/login",
  "get /api/v1/links/album",
  "get /api/v1/links/photos/{id}/{rendition}",
  "get /health",
  "get /metrics",
  "get /ready",
  "post /api/v1/auth/email/verify",
  "post /api/v1/auth/login",
  "post /api/v1/auth/logout",
  "post /api/v1/auth/password/forgot",
  "post /api/v1/auth/password/reset",
  "post /api/v1/auth/refresh",
  "post /api/v1/auth/signup",
  "post /api/v1/links/open",
];

// Routes of accounts and access that take a login: an API key does not open them.
const sessionRoutes = [
  "delete /api/v1/api-keys/{id}",
  "delete /api/v1/auth/identities/{id}",
  "delete /api/v1/auth/sessions",
  "delete /api/v1/auth/sessions/{id}",
  "delete /api/v1/users/me",
  "delete /api/v1/users/{id}",
  "get /api/v1/api-keys",
  "get /api/v1/auth/csrf",
  "get /api/v1/auth/identities",
  "get /api/v1/auth/sessions",
  "get /api/v1/auth/two-factor",
  "patch /api/v1/people/settings",
  "post /api/v1/api-keys",
  "post /api/v1/auth/email/change",
  "post /api/v1/auth/email/verification",
  "post /api/v1/auth/oidc/link",
  "post /api/v1/auth/password/change",
  "post /api/v1/auth/two-factor",
  "post /api/v1/auth/two-factor/confirm",
  "post /api/v1/auth/two-factor/disable",
  "post /api/v1/auth/two-factor/recovery-codes",
  "post /api/v1/service-accounts",
];

const jobRoutes = [
  "get /api/v1/detect/history",
  "get /api/v1/detect/jobs/{id}",
  "get /api/v1/jobs",
  "get /api/v1/jobs/{id}",
  "get /api/v1/jobs/{id}/items",
  "post /api/v1/detect/batch",
  "post /api/v1/jobs",
  "post /api/v1/jobs/{id}/cancel",
  "post /api/v1/jobs/{id}/retry",
];

const albumRoutes = [
  "delete /api/v1/albums/{id}",
  "delete /api/v1/albums/{id}/links/{linkId}",
  "delete /api/v1/albums/{id}/photos",
  "delete /api/v1/albums/{id}/shares/{userId}",
  "get /api/v1/albums",
  "get /api/v1/albums/{id}",
  "get /api/v1/albums/{id}/links",
  "get /api/v1/albums/{id}/photos",
  "get /api/v1/albums/{id}/shares",
  "patch /api/v1/albums/{id}",
  "post /api/v1/albums",
  "post /api/v1/albums/{id}/import",
  "post /api/v1/albums/{id}/links",
  "post /api/v1/albums/{id}/photos",
  "put /api/v1/albums/{id}/shares",
];

const peopleRoutes = [
  "delete /api/v1/faces/{id}/reject/{personId}",
  "delete /api/v1/people/{id}",
  "get /api/v1/faces",
  "get /api/v1/faces/{id}",
  "get /api/v1/faces/{id}/crop",
  "get /api/v1/merges",
  "get /api/v1/people",
  "get /api/v1/people/regroup",
  "get /api/v1/people/settings",
  "get /api/v1/people/suggestions",
  "get /api/v1/people/{id}",
  "get /api/v1/people/{id}/cover",
  "get /api/v1/people/{id}/export",
  "get /api/v1/people/{id}/faces",
  "get /api/v1/people/{id}/photos",
  "patch /api/v1/faces/{id}",
  "patch /api/v1/people/{id}",
  "post /api/v1/faces/assign",
  "post /api/v1/faces/search",
  "post /api/v1/faces/{id}/reject",
  "post /api/v1/merges/{id}/undo",
  "post /api/v1/people",
  "post /api/v1/people/regroup",
  "post /api/v1/people/suggestions",
  "post /api/v1/people/{id}/merge",
];

const searchRoutes = [
  "delete /api/v1/smart-albums/{id}",
  "get /api/v1/duplicates",
  "get /api/v1/memories",
  "get /api/v1/photos/{id}/similar",
  "get /api/v1/search",
  "get /api/v1/search/index/models",
  "get /api/v1/search/index/rebuild",
  "get /api/v1/search/suggestions",
  "get /api/v1/smart-albums",
  "get /api/v1/smart-albums/{id}",
  "get /api/v1/smart-albums/{id}/photos",
  "patch /api/v1/smart-albums/{id}",
  "post /api/v1/duplicates/keep",
  "post /api/v1/duplicates/unkeep",
  "post /api/v1/search/by-image",
  "post /api/v1/search/index/activate",
  "post /api/v1/search/index/compare",
  "post /api/v1/search/index/drop",
  "post /api/v1/search/index/models",
  "post /api/v1/search/index/rebuild",
  "post /api/v1/smart-albums",
];

const scopedRoutes = [
  "delete /api/v1/photos/trash",
  "delete /api/v1/photos/{id}",
  "delete /api/v1/service-accounts/{id}",
  "delete /api/v1/uploads/{id}",
  "delete /api/v1/users/{id}/sessions",
  "delete /api/v1/webhooks/{id}",
  "get /api/v1/audit",
  "get /api/v1/events",
  "get /api/v1/export",
  "get /api/v1/photos",
  "get /api/v1/service-accounts",
  "get /api/v1/uploads/{id}",
  "get /api/v1/users",
  "get /api/v1/users/me",
  "get /api/v1/users/me/activity",
  "get /api/v1/users/me/usage",
  "get /api/v1/users/{id}",
  "get /api/v1/users/{id}/usage",
  "get /api/v1/webhooks",
  "get /api/v1/webhooks/{id}/deliveries",
  "get /api/v1/ws",
  "patch /api/v1/photos/{id}",
  "patch /api/v1/uploads/{id}",
  "patch /api/v1/users/me",
  "patch /api/v1/users/{id}",
  "post /api/v1/classify",
  "post /api/v1/detect/image",
  "post /api/v1/photos",
  "post /api/v1/photos/bulk",
  "post /api/v1/photos/exists",
  "post /api/v1/photos/validate",
  "post /api/v1/photos/{id}/restore",
  "post /api/v1/uploads",
  "post /api/v1/users",
  "post /api/v1/webhooks",
  "post /api/v1/webhooks/{id}/deliveries/{deliveryId}/retry",
  "post /api/v1/webhooks/{id}/test",
  "put /api/v1/users/{id}/quota",
  ...albumRoutes,
  ...jobRoutes,
  ...peopleRoutes,
  ...searchRoutes,
];

interface Operation {
  name: string;
  method: string;
  path: string;
  security?: Array<Record<string, unknown>>;
  tags?: string[];
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
      "/annotated",
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
        ...sessionRoutes,
        ...scopedRoutes,
        ...photo.map((suffix) => `get /api/v1/photos/{id}${suffix}`),
      ].sort(),
    );
    const tags = openapi.tags.map((tag: { name: string }) => tag.name);
    for (const { name, summary, tags: own } of all) {
      expect(summary, name).toBeTruthy();
      expect(tags, name).toContain(own?.[0]);
    }
  });

  it("says of every route under the base what a problem looks like", async () => {
    const { operations: all } = await operations();
    for (const { name, path, responses } of all.filter((each) => each.path.startsWith("/api/"))) {
      expect(responses.default, path).toMatchObject({ content: { "application/problem+json": {} } });
      for (const [status, response] of Object.entries(responses)) {
        expect(response, `${name} ${status}`).toHaveProperty("description", expect.stringMatching(/\S/));
      }
    }
  });

  it("names the ways to prove who calls", async () => {
    const { openapi, operations: all } = await operations();
    const { securitySchemes } = openapi.components;
    expect(securitySchemes).toMatchObject({
      bearer: { type: "http", scheme: "bearer" },
      apiKey: { type: "apiKey", in: "header", name: "X-API-Key" },
      cookie: { type: "apiKey", in: "cookie" },
    });
    const withoutKeys = all
      .filter(({ security }) => security && !security.some((scheme) => "apiKey" in scheme))
      .map(({ name }) => name);
    expect(withoutKeys.sort()).toEqual(sessionRoutes);
    for (const scheme of all.flatMap(({ security = [] }) => security.flatMap((each) => Object.keys(each)))) {
      expect(securitySchemes).toHaveProperty(scheme);
    }
  });

  it("refers to nothing that it does not define", async () => {
    const { openapi } = await operations();
    const text = JSON.stringify(openapi);
    const components: Record<string, Record<string, unknown>> = openapi.components ?? {};
    for (const [, kind = "", name = ""] of text.matchAll(/"#\/components\/(\w+)\/(\w+)"/g)) {
      expect(components[kind], name).toHaveProperty(name);
    }
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
