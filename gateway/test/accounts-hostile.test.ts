import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { someId } from "./auth-upstreams.ts";
import { type GoodRequest, hostileBodies, send } from "./hostile.ts";
import { bodyOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ RATE_LIMIT_WRITE: "off", RATE_LIMIT_ADMIN: "off", RATE_LIMIT_READ: "off" });
});
afterAll(() => test.stop());

const text = { email: "ada@example.org", password: "long enough", name: "Ada", code: "123456" };
const token = "ocelli_at_0123456789012345678901234567890123456789abc";

const requests: GoodRequest[] = [
  {
    method: "POST",
    path: "/auth/signup",
    body: { email: text.email, password: text.password, name: text.name },
  },
  {
    method: "POST",
    path: "/auth/login",
    body: { email: text.email, password: text.password, code: text.code, cookies: false },
    optional: ["code", "cookies"],
  },
  {
    method: "POST",
    path: "/auth/refresh",
    body: { refreshToken: token, cookies: false },
    optional: ["cookies"],
  },
  {
    method: "POST",
    path: "/auth/logout",
    body: { refreshToken: token, cookies: false },
    optional: ["cookies"],
  },
  { method: "POST", path: "/auth/password/forgot", body: { email: text.email } },
  { method: "POST", path: "/auth/password/reset", body: { token, newPassword: text.password } },
  {
    method: "POST",
    path: "/auth/password/change",
    body: { currentPassword: text.password, newPassword: text.password },
  },
  { method: "POST", path: "/auth/email/verify", body: { token } },
  { method: "POST", path: "/auth/email/change", body: { newEmail: text.email, password: text.password } },
  { method: "POST", path: "/auth/two-factor", body: { password: text.password } },
  { method: "POST", path: "/auth/two-factor/confirm", body: { code: text.code } },
  { method: "POST", path: "/auth/two-factor/disable", body: { password: text.password, code: text.code } },
  {
    method: "POST",
    path: "/auth/two-factor/recovery-codes",
    body: { password: text.password, code: text.code },
  },
  { method: "POST", path: "/auth/oidc/link", body: { returnTo: "/" }, optional: ["returnTo"] },
  { method: "PATCH", path: "/users/me", body: { name: text.name } },
  { method: "DELETE", path: "/users/me", body: { password: text.password }, optional: ["password"] },
  {
    method: "POST",
    path: "/users",
    body: { email: text.email, name: text.name, password: text.password, role: "user" },
    optional: ["password", "role"],
  },
  {
    method: "PATCH",
    path: `/users/${someId}`,
    body: { name: text.name, role: "admin", disabled: true },
    optional: ["name", "role", "disabled"],
  },
  {
    method: "PUT",
    path: `/users/${someId}/quota`,
    body: { bytes: 100, photos: 10 },
    nullable: ["bytes", "photos"],
  },
  {
    method: "POST",
    path: "/api-keys",
    body: { name: "backup", scopes: ["search"], expiresAt: "2030-01-01T00:00:00Z" },
    optional: ["expiresAt"],
    nullable: ["expiresAt"],
  },
  {
    method: "POST",
    path: "/service-accounts",
    body: { name: "frame", scopes: ["search"], userId: someId },
    optional: ["userId"],
    nullable: ["userId"],
  },
];

describe.each(requests)("$method $path", (request) => {
  it("takes what is right", async () => {
    // A session of its own: some of these end the one that asks.
    const session = await test.signer.sign({ sessionId: crypto.randomUUID() });
    const response = await test.call(request.path, {
      method: request.method,
      body: JSON.stringify(request.body),
      headers: { "content-type": "application/json", authorization: `Bearer ${session}` },
    });
    expect(response.ok, await response.text()).toBe(true);
  });

  it("refuses everything else before any service hears of it", async () => {
    const { calls } = test.upstreams.world.access;
    calls.length = 0;
    for (const hostile of hostileBodies(request)) {
      const response = await send(test, request, hostile);
      const body = await bodyOf(response);
      expect([response.status, body.reason], hostile.what).toEqual([hostile.status, hostile.reason]);
      expect(response.headers.get("content-type"), hostile.what).toBe("application/problem+json");
      expect(body.traceId, hostile.what).toMatch(/^[0-9a-f]{32}$/);
      expect(JSON.stringify(body), hostile.what).not.toContain("long enough");
    }
    expect(calls).toEqual([]);
  });
});

describe("lists", () => {
  const lists = [
    "/auth/sessions",
    "/api-keys",
    "/service-accounts",
    "/users",
    "/audit",
    "/users/me/activity",
  ];

  it.each(lists)("%s refuses what is no page", async (path) => {
    const { calls } = test.upstreams.world.access;
    calls.length = 0;
    const queries = [
      "pageSize=-1",
      "pageSize=1e3",
      "pageSize=x",
      "pageSize=1&pageSize=2",
      "page_size=3",
      `pageToken=${"x".repeat(2049)}`,
      "pageToken=a&pageToken=b",
      "unknown=1",
    ];
    for (const query of queries) {
      const response = await test.call(`${path}?${query}`);
      const { reason } = await bodyOf(response);
      expect([response.status, reason], query).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(calls).toEqual([]);
  });
});

describe("ids in paths", () => {
  const routes = [
    ["DELETE", "/auth/sessions", "", "SESSION_NOT_FOUND"],
    ["DELETE", "/api-keys", "", "API_KEY_NOT_FOUND"],
    ["DELETE", "/service-accounts", "", "SERVICE_ACCOUNT_NOT_FOUND"],
    ["GET", "/users", "", "USER_NOT_FOUND"],
    ["DELETE", "/users", "", "USER_NOT_FOUND"],
    ["GET", "/users", "/usage", "USER_NOT_FOUND"],
  ] as const;
  const ids = ["nonsense", "0", "1e9", someId.slice(1), `${someId}0`, "%00", "..%2f..", "a".repeat(5_000)];

  it.each(routes)("%s %s/{id}%s answers 404 to what is no id", async (method, path, suffix, reason) => {
    const { calls } = test.upstreams.world.access;
    calls.length = 0;
    for (const id of ids) {
      const response = await test.call(`${path}/${id}${suffix}`, { method });
      const body = await bodyOf(response);
      expect([response.status, body.reason], id).toEqual([404, reason]);
    }
    expect(calls).toEqual([]);
  });

  it("are known in lower case only", async () => {
    const { calls } = test.upstreams.world.access;
    calls.length = 0;
    await test.call(`/api-keys/${someId.toUpperCase()}`, { method: "DELETE" });
    expect(calls).toMatchObject([{ method: "deleteApiKey", request: { apiKeyId: someId } }]);
  });
});
