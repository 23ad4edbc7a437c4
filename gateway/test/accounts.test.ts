import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AccessWorld, failWith, someId } from "./auth-upstreams.ts";
import { bodyOf, problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultSessionId, defaultUserId } from "./tokens.ts";

let test: TestGateway;
let world: AccessWorld;
beforeAll(async () => {
  test = await startTestGateway();
  world = test.upstreams.world.access;
});
afterAll(() => test.stop());
beforeEach(() => {
  world.calls.length = 0;
  world.failures.clear();
  world.answers.clear();
});

const json = { "content-type": "application/json" };
const post = (path: string, body: unknown = {}, headers: Record<string, string> = {}) =>
  test.call(path, { method: "POST", body: JSON.stringify(body), headers: { ...json, ...headers } });
const requestOf = (method: string) => world.calls.find((call) => call.method === method)?.request;
/** A token of a session that no other test ends. */
const session = async (sessionId: string = crypto.randomUUID()) =>
  `Bearer ${await test.signer.sign({ sessionId })}`;
const apiKey = async () => `Bearer ${await test.signer.sign({ apiKeyId: crypto.randomUUID() })}`;

describe("login", () => {
  const credentials = { email: "ada@example.org", password: "long enough" };

  it("tells auth where it comes from, and keeps the answer out of caches", async () => {
    const response = await post(
      "/auth/login",
      { ...credentials, code: "123456" },
      { "user-agent": "Browser" },
    );
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await bodyOf(response)).toEqual({
      accessToken: expect.any(String),
      refreshToken: "refresh-1",
      tokenType: "Bearer",
      expiresIn: 600,
    });
    expect(world.calls).toMatchObject([
      {
        method: "login",
        request: { ...credentials, code: "123456" },
        identity: { kind: "anonymous" },
        origin: { address: "127.0.0.1", userAgent: "Browser" },
      },
    ]);
  });

  it("puts tokens into cookies that no script can read, and not into the body", async () => {
    const response = await post("/auth/login", { ...credentials, cookies: true });
    expect(await bodyOf(response)).toEqual({ csrfToken: expect.any(String), expiresIn: 600 });
    const cookies = response.headers.getSetCookie();
    expect(cookies.map((cookie) => cookie.split("=")[0])).toEqual([
      "__Host-ocelli-access",
      "__Secure-ocelli-refresh",
    ]);
    for (const cookie of cookies) expect(cookie).toMatch(/; HttpOnly; SameSite=Strict; Secure$/);
  });

  it("passes on what auth says, and when to come back", async () => {
    for (const reason of ["INVALID_CREDENTIALS", "TWO_FACTOR_REQUIRED", "INVALID_CODE"]) {
      failWith(world, "login", Status.UNAUTHENTICATED, reason);
      expect(await problemOf(await post("/auth/login", credentials))).toEqual([401, reason]);
    }
    failWith(world, "login", Status.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
    const limited = await post("/auth/login", credentials);
    expect(Number(limited.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problemOf(limited)).toEqual([429, "TOO_MANY_ATTEMPTS"]);
    failWith(world, "login", Status.INTERNAL, "SOMETHING_SECRET");
    expect(await problemOf(await post("/auth/login", credentials))).toEqual([500, "INTERNAL"]);
  });
});

describe("refresh and logout", () => {
  const cookie = { cookie: "__Secure-ocelli-refresh=ocelli_rt_of-the-cookie" };

  it("take the token of the body or of the cookie, never both or none", async () => {
    await post("/auth/refresh", { refreshToken: "ocelli_rt_of-the-body" });
    const response = await post("/auth/refresh", { cookies: true }, cookie);
    expect(await bodyOf(response)).toEqual({ csrfToken: expect.any(String), expiresIn: 600 });
    expect(world.calls.map(({ request }) => request)).toMatchObject([
      { refreshToken: "ocelli_rt_of-the-body" },
      { refreshToken: "ocelli_rt_of-the-cookie" },
    ]);
    for (const body of [{}, { cookies: false }, { cookies: true, refreshToken: "x" }]) {
      for (const path of ["/auth/refresh", "/auth/logout"]) {
        expect(await problemOf(await post(path, body, cookie))).toEqual([400, "INVALID_ARGUMENT"]);
      }
    }
    expect(world.calls).toHaveLength(2);
  });

  it("say so when there is no cookie", async () => {
    expect(await problemOf(await post("/auth/refresh", { cookies: true }))).toEqual([
      401,
      "INVALID_REFRESH_TOKEN",
    ]);
    expect((await post("/auth/logout", { cookies: true })).status).toBe(204);
    expect(world.calls).toEqual([]);
  });

  it("refuse other sites' pages", async () => {
    for (const path of ["/auth/refresh", "/auth/logout"]) {
      const response = await post(path, { cookies: true }, { ...cookie, origin: "https://evil.example" });
      expect(await problemOf(response)).toEqual([403, "CROSS_SITE_REQUEST"]);
    }
    expect(world.calls).toEqual([]);
  });

  it("logout clears cookies and refuses the session at once", async () => {
    const ended = crypto.randomUUID();
    const authorization = await session(ended);
    expect((await test.call("/users/me", { headers: { authorization } })).status).toBe(200);
    world.answers.set("logout", { sessionId: ended });
    const response = await post("/auth/logout", { cookies: true }, cookie);
    expect(response.status).toBe(204);
    expect(response.headers.getSetCookie()).toEqual([
      expect.stringMatching(/^__Host-ocelli-access=; Path=\/; Max-Age=0/),
      expect.stringMatching(/^__Secure-ocelli-refresh=; Path=\/api\/v1\/auth; Max-Age=0/),
    ]);
    expect(await problemOf(await test.call("/users/me", { headers: { authorization } }))).toEqual([
      401,
      "TOKEN_REVOKED",
    ]);
  });
});

describe("password and address", () => {
  it("go to auth as they came", async () => {
    const authorization = await session();
    const calls: Array<[string, object, number]> = [
      ["/auth/password/forgot", { email: "ada@example.org" }, 202],
      ["/auth/password/reset", { token: "ocelli_at_1", newPassword: "long enough" }, 204],
      ["/auth/password/change", { currentPassword: "", newPassword: "long enough" }, 204],
      ["/auth/email/verify", { token: "ocelli_at_2" }, 204],
      ["/auth/email/change", { newEmail: "new@example.org", password: "long enough" }, 202],
    ];
    for (const [path, body, status] of calls) {
      const response = await post(path, body, { authorization });
      expect([response.status, await response.text(), response.headers.get("cache-control")], path).toEqual([
        status,
        "",
        "no-store",
      ]);
    }
    expect(world.calls.map(({ request }) => request)).toMatchObject(calls.map(([, body]) => body));
    const sent = await test.call("/auth/email/verification", { method: "POST", headers: { authorization } });
    expect(sent.status).toBe(202);
  });

  it("a changed password ends other sessions at once", async () => {
    const other = crypto.randomUUID();
    world.answers.set("changePassword", { sessionIds: [other] });
    const body = { currentPassword: "long enough", newPassword: "longer still" };
    await post("/auth/password/change", body, { authorization: await session() });
    const response = await test.call("/users/me", { headers: { authorization: await session(other) } });
    expect(await problemOf(response)).toEqual([401, "TOKEN_REVOKED"]);
  });

  it("public routes work without a token and send none on", async () => {
    const response = await fetch(`${test.url}/api/v1/auth/password/forgot`, {
      method: "POST",
      headers: json,
      body: JSON.stringify({ email: "ada@example.org" }),
    });
    expect(response.status).toBe(202);
    expect(world.calls).toMatchObject([{ identity: { kind: "anonymous" } }]);
  });
});

describe("sessions", () => {
  it("are listed and ended", async () => {
    const page = await bodyOf(await test.call("/auth/sessions?pageSize=5&pageToken=abc"));
    expect(page).toEqual({
      items: [
        {
          id: defaultSessionId,
          current: true,
          method: "password",
          address: "192.0.2.1",
          userAgent: "Browser",
          createdAt: "2026-02-03T04:05:06.000Z",
          lastUsedAt: "2026-02-03T04:05:06.000Z",
          expiresAt: "2026-02-03T04:05:06.000Z",
        },
      ],
      nextPageToken: "more",
    });
    expect(requestOf("listSessions")).toMatchObject({ pageSize: 5, pageToken: "abc" });
    const other = crypto.randomUUID();
    expect((await test.call(`/auth/sessions/${other}`, { method: "DELETE" })).status).toBe(204);
    expect(requestOf("revokeSession")).toMatchObject({ sessionId: other });
    const refused = await test.call("/users/me", { headers: { authorization: await session(other) } });
    expect(await problemOf(refused)).toEqual([401, "TOKEN_REVOKED"]);
    world.answers.set("revokeOtherSessions", { sessionIds: [crypto.randomUUID(), crypto.randomUUID()] });
    const others = await test.call("/auth/sessions", { method: "DELETE" });
    expect(await bodyOf(others)).toEqual({ revoked: 2 });
  });

  it("forget their cookies when they end themselves", async () => {
    const [own, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const headers = { authorization: await session(own) };
    const ended = await test.call(`/auth/sessions/${other}`, { method: "DELETE", headers });
    expect([ended.status, ended.headers.getSetCookie()]).toEqual([204, []]);
    const self = await test.call(`/auth/sessions/${own}`, { method: "DELETE", headers });
    expect([self.status, self.headers.getSetCookie().length]).toEqual([204, 2]);
  });

  it("of somebody else are neither ended nor refused", async () => {
    const foreign = crypto.randomUUID();
    failWith(world, "revokeSession", Status.NOT_FOUND, "SESSION_NOT_FOUND");
    const response = await test.call(`/auth/sessions/${foreign}`, { method: "DELETE" });
    expect(await problemOf(response)).toEqual([404, "SESSION_NOT_FOUND"]);
    const owner = await test.call("/users/me", { headers: { authorization: await session(foreign) } });
    expect(owner.status).toBe(200);
  });
});

describe("two-factor", () => {
  it("is begun, confirmed, read, renewed and ended", async () => {
    const proof = { password: "long enough", code: "123456" };
    const recoveryCodes = ["aaaa-bbbb", "cccc-dddd"];
    expect(await bodyOf(await test.call("/auth/two-factor"))).toEqual({
      enabled: true,
      recoveryCodesLeft: 9,
    });
    const secrets: Array<[string, object, object]> = [
      [
        "/auth/two-factor",
        { password: "long enough" },
        { secret: "JBSWY3DP", otpauthUri: "otpauth://totp/Ocelli:ada" },
      ],
      ["/auth/two-factor/confirm", { code: "123456" }, { recoveryCodes }],
      ["/auth/two-factor/recovery-codes", proof, { recoveryCodes }],
    ];
    for (const [path, body, answer] of secrets) {
      const response = await post(path, body);
      expect(response.headers.get("cache-control"), path).toBe("no-store");
      expect(await bodyOf(response), path).toEqual(answer);
    }
    expect((await post("/auth/two-factor/disable", proof)).status).toBe(204);
    expect(requestOf("disableTwoFactor")).toMatchObject(proof);
  });
});

describe("API keys", () => {
  const closed: Array<[string, string]> = [
    ["GET", "/auth/sessions"],
    ["DELETE", "/auth/sessions"],
    ["DELETE", `/auth/sessions/${someId}`],
    ["POST", "/auth/password/change"],
    ["POST", "/auth/email/change"],
    ["POST", "/auth/email/verification"],
    ["GET", "/auth/two-factor"],
    ["POST", "/auth/two-factor"],
    ["POST", "/auth/two-factor/confirm"],
    ["POST", "/auth/two-factor/disable"],
    ["POST", "/auth/two-factor/recovery-codes"],
    ["POST", "/auth/oidc/link"],
    ["DELETE", "/users/me"],
    ["DELETE", `/users/${someId}`],
    ["GET", "/api-keys"],
    ["POST", "/api-keys"],
    ["DELETE", `/api-keys/${someId}`],
  ];

  it.each(closed)("do not open %s %s", async (method, path) => {
    const body = method === "POST" ? { body: "{}", headers: json } : {};
    const response = await test.call(path, {
      method,
      ...body,
      headers: { ...json, authorization: await apiKey() },
    });
    expect(await problemOf(response)).toEqual([403, "SESSION_REQUIRED"]);
    expect(world.calls).toEqual([]);
  });

  it("open what their scopes open", async () => {
    const response = await test.call("/users/me", { headers: { authorization: await apiKey() } });
    expect(await bodyOf(response)).toMatchObject({ id: defaultUserId });
  });
});
