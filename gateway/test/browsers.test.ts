import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

const page = "https://photos.example.org";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({
    CORS_ORIGINS: `${page},http://localhost:3000`,
    TRUSTED_PROXIES: "127.0.0.1",
  });
});
afterAll(() => test.stop());

const allowed = ["origin", "credentials", "methods", "headers", "expose-headers"].map((name) =>
  `access-control-allow-${name}`.replace("allow-expose", "expose"),
);
const permissions = ({ headers }: Response) => allowed.filter((name) => headers.has(name));

function preflight(origin: string, path = "/photos") {
  const headers = {
    origin,
    "access-control-request-method": "POST",
    "access-control-request-headers": "x-csrf-token",
  };
  return test.call(path, { method: "OPTIONS", headers });
}

describe("pages of other origins", () => {
  it("may call when listed, with credentials", async () => {
    for (const origin of [page, "http://localhost:3000"]) {
      const { status, headers } = await preflight(origin);
      expect(status).toBe(204);
      expect(headers.get("access-control-allow-origin")).toBe(origin);
      expect(headers.get("access-control-allow-credentials")).toBe("true");
      expect(headers.get("access-control-allow-headers")).toMatch(/x-api-key, x-csrf-token/);
      expect(headers.get("vary")).toMatch(/origin/i);
      const answer = await test.call("/photos", { headers: { origin } });
      expect(answer.headers.get("access-control-allow-origin")).toBe(origin);
      expect(answer.headers.get("access-control-expose-headers")).toMatch(/retry-after/);
      expect(answer.headers.get("vary")).toMatch(/origin/i);
    }
    // So that their pages can tell why.
    const refused = await test.call("/photos", { headers: { origin: page, authorization: "Bearer x" } });
    expect([refused.status, refused.headers.get("access-control-allow-origin")]).toEqual([401, page]);
  });

  it.each([
    "https://evil.example",
    "null",
    "*",
    "",
    `${page}.evil.example`,
    `${page}:8443`,
    `${page}/`,
    "http://photos.example.org",
    "https://PHOTOS.example.org",
    `${page}, https://evil.example`,
    "https://sub.photos.example.org",
  ])("get nothing when not listed: %s", async (origin) => {
    const asked = await preflight(origin);
    const answer = await test.call("/photos", { headers: { origin } });
    expect([permissions(asked), permissions(answer)]).toEqual([[], []]);
    expect(answer.headers.get("vary")).toMatch(/origin/i);
  });

  it("get nothing at all where none are listed", async () => {
    const closed = await startTestGateway();
    const headers = { origin: page, "access-control-request-method": "POST" };
    const asked = await closed.call("/photos", { method: "OPTIONS", headers });
    expect([asked.status, permissions(asked)]).toEqual([405, []]);
    await closed.stop();
  });
});

describe("headers of every answer", () => {
  const expected = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    // `object-src` follows from `default-src`, the other two from nothing.
    "content-security-policy": expect.stringMatching(
      /^default-src 'none'.*; base-uri 'none'.*; frame-ancestors 'none'$/,
    ),
    "permissions-policy": expect.stringContaining("camera=()"),
  };

  it.each([
    "/photos",
    "/nothing",
    "//health",
    "//docs",
    "//openapi.json",
    "/auth/sessions",
    "/photos?token=x",
  ])("protect %s", async (path) => {
    const { headers } = await test.call(path);
    expect(Object.fromEntries(headers)).toMatchObject(expected);
    expect(headers.has("strict-transport-security")).toBe(false);
    expect(headers.has("x-powered-by") || headers.has("server")).toBe(false);
  });

  it("keep answers about accounts out of every cache", async () => {
    for (const path of ["/auth/sessions", "/users/me", "/auth/nothing", "/api-keys"]) {
      expect((await test.call(path)).headers.get("cache-control"), path).toBe("no-store");
    }
  });

  it("ask for https where people come by https", async () => {
    const hsts = async (gateway: TestGateway, headers: Record<string, string>) =>
      (await gateway.call("//health", { headers })).headers.get("strict-transport-security");
    const https = { "x-forwarded-for": "1.1.1.1", "x-forwarded-proto": "https" };
    expect(await hsts(test, https)).toMatch(/^max-age=\d{8}; includeSubDomains$/);
    expect(await hsts(test, { ...https, "x-forwarded-proto": "http" })).toBeNull();
    const known = await startTestGateway({ PUBLIC_URL: "https://photos.example.org" });
    expect(await hsts(known, {})).toMatch(/^max-age=/);
    await known.stop();
    const untrusting = await startTestGateway();
    expect(await hsts(untrusting, https)).toBeNull();
    await untrusting.stop();
  });
});

describe("request ids", () => {
  it.each(["12345678", "a".repeat(64), "018f0000-0000-7000-8000-000000000001", "A.b_c-D.1"])(
    "keep %s",
    async (id) => {
      const { headers } = await test.call("//health", { headers: { "x-request-id": id } });
      expect(headers.get("x-request-id")).toBe(id);
    },
  );

  it.each([
    "",
    "1234567",
    "a".repeat(65),
    "has space",
    "semi;colon",
    "colon:colon",
    "a,b-12345678",
    "ünïcödé-12",
    "<script>x",
  ])("replace %s", async (id) => {
    const { headers } = await test.call("//health", { headers: { "x-request-id": id } });
    expect(headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });
});
