import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type AccessWorld, failWith } from "./auth-upstreams.ts";
import { bodyOf, problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

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

const secret = "A".repeat(43);
const browser = { cookie: `__Host-ocelli-oidc=${secret}` };
/** As a browser does it that comes from the provider. */
const crossSite = { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" };
const get = (path: string, headers: Record<string, string> = {}, gateway = test) =>
  fetch(`${gateway.url}/api/v1/auth/oidc${path}`, { headers, redirect: "manual" });
const cookiesOf = (response: Response) => response.headers.getSetCookie();
const tokens = { accessToken: "at", refreshToken: "rt", expiresIn: 600 };

describe("login", () => {
  it("tells a login page what it needs to know", async () => {
    expect(await bodyOf(await get(""))).toEqual({ enabled: true, providerName: "Example" });
  });

  it("sends the browser away with a secret of its own", async () => {
    const responses = [await get("/login?returnTo=/photos?a=b"), await get("/login")];
    const secrets = responses.map((response) => {
      expect([response.status, response.headers.get("location")]).toEqual([
        303,
        "https://id.example.org/authorize?state=s",
      ]);
      expect(response.headers.get("cache-control")).toBe("no-store");
      const [cookie = ""] = cookiesOf(response);
      const [, value] =
        /^__Host-ocelli-oidc=([\w-]{43}); Path=\/; Max-Age=600; HttpOnly; SameSite=Lax; Secure$/.exec(
          cookie,
        ) ?? [];
      return value;
    });
    expect(new Set(secrets).size).toBe(2);
    expect(world.calls).toMatchObject([
      { request: { browserSecret: secrets[0], returnTo: "/photos?a=b" }, identity: { kind: "anonymous" } },
      { request: { browserSecret: secrets[1], returnTo: "" } },
    ]);
  });

  it("never links: a token that comes along is not passed on", async () => {
    await get("/login", { authorization: `Bearer ${await test.signer.sign()}` });
    expect(world.calls).toMatchObject([{ identity: { kind: "anonymous" } }]);
  });

  it("comes back to this origin only", async () => {
    const elsewhere = [
      "https://evil.example/",
      "//evil.example",
      "/\\evil.example",
      "\\\\evil.example",
      "/a\\b",
      "/\t/evil.example",
      "/\n/evil.example",
      "javascript:alert(1)",
      "photos",
      " /",
      "/é",
      `/${"x".repeat(500)}`,
      "",
    ];
    for (const returnTo of elsewhere) {
      const response = await get(`/login?returnTo=${encodeURIComponent(returnTo)}`);
      expect(cookiesOf(response)).toEqual([]);
      expect(await problemOf(response), returnTo).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(await problemOf(await get("/login?returnTo=/&returnTo=/b"))).toEqual([400, "INVALID_ARGUMENT"]);
    expect(world.calls).toEqual([]);
  });

  it("says when there is no provider", async () => {
    failWith(world, "beginOidc", Status.FAILED_PRECONDITION, "OIDC_NOT_CONFIGURED");
    expect(await problemOf(await get("/login"))).toEqual([409, "OIDC_NOT_CONFIGURED"]);
    failWith(world, "beginOidc", Status.UNAVAILABLE, "OIDC_PROVIDER_UNAVAILABLE");
    expect(await problemOf(await get("/login"))).toEqual([503, "OIDC_PROVIDER_UNAVAILABLE"]);
  });
});

describe("link", () => {
  it("needs a session, which auth is told of", async () => {
    const answer = await test.call("/auth/oidc/link", { method: "POST" });
    expect(await bodyOf(answer)).toEqual({ authorizationUrl: "https://id.example.org/authorize?state=s" });
    expect(cookiesOf(answer)).toEqual([expect.stringMatching(/^__Host-ocelli-oidc=/)]);
    expect(world.calls).toMatchObject([{ identity: { kind: "user" }, request: { returnTo: "" } }]);
  });
});

describe("linked logins", () => {
  const id = "i".repeat(43);
  const unlink = (path: string, body?: unknown) =>
    test.call(`/auth/identities/${path}`, {
      method: "DELETE",
      ...(body === undefined
        ? {}
        : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    });

  it("are listed", async () => {
    const response = await test.call("/auth/identities");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(await bodyOf(response)).toEqual({
      items: [
        { id, issuer: "https://id.example.org", subject: "ada", linkedAt: expect.stringMatching(/Z$/) },
      ],
    });
  });

  it("are taken off with the password, or without one after a login", async () => {
    expect((await unlink(id, { password: "long enough" })).status).toBe(204);
    expect((await unlink(id)).status).toBe(204);
    expect(world.calls).toMatchObject([
      { method: "unlinkIdentity", request: { identityId: id, password: "long enough" } },
      { method: "unlinkIdentity", request: { identityId: id, password: "" } },
    ]);
    failWith(world, "unlinkIdentity", Status.FAILED_PRECONDITION, "LAST_LOGIN_METHOD");
    expect(await problemOf(await unlink(id))).toEqual([409, "LAST_LOGIN_METHOD"]);
  });

  it("end the other sessions with them at once", async () => {
    const sessionId = crypto.randomUUID();
    const authorization = `Bearer ${await test.signer.sign({ sessionId })}`;
    world.answers.set("unlinkIdentity", { sessionIds: [sessionId] });
    expect((await unlink(id)).status).toBe(204);
    const refused = await test.call("/auth/identities", { headers: { authorization } });
    expect(await problemOf(refused)).toEqual([401, "TOKEN_REVOKED"]);
  });

  it("cannot be named or asked for otherwise", async () => {
    for (const bad of ["short", "x".repeat(44), `${"x".repeat(42)}%00`, `${"x".repeat(42)}.`]) {
      expect(await problemOf(await unlink(bad)), bad).toEqual([404, "IDENTITY_NOT_FOUND"]);
    }
    for (const body of [{ password: 1 }, { password: "a", userId: "b" }, []]) {
      expect(await problemOf(await unlink(id, body))).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });
});

describe("HEAD", () => {
  it("begins no login and uses none up", async () => {
    for (const path of ["/login", "/login?returnTo=/", "/callback?code=c&state=s", "/callback"]) {
      const response = await fetch(`${test.url}/api/v1/auth/oidc${path}`, {
        method: "HEAD",
        headers: browser,
        redirect: "manual",
      });
      expect([response.status, response.headers.get("allow")], path).toEqual([405, "GET"]);
      expect(cookiesOf(response)).toEqual([]);
    }
    expect(world.calls).toEqual([]);
  });
});

describe("callback", () => {
  const query = "?code=c%2B1&state=s%20s&iss=https%3A%2F%2Fid.example.org&session_state=x";
  const forgotten = "__Host-ocelli-oidc=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax; Secure";

  it("answers with tokens where there is no path to come back to", async () => {
    const response = await get(`/callback${query}`, { ...browser, ...crossSite });
    expect([response.status, response.headers.get("cache-control")]).toEqual([200, "no-store"]);
    expect(await bodyOf(response)).toEqual({ ...tokens, tokenType: "Bearer" });
    expect(cookiesOf(response)).toEqual([forgotten]);
    expect(world.calls).toMatchObject([
      { method: "finishOidc", request: { browserSecret: secret, callbackQuery: query.slice(1) } },
    ]);
  });

  it("comes back with session cookies otherwise", async () => {
    world.answers.set("finishOidc", { tokens, returnTo: "/photos?a=b", linked: false });
    const response = await get(`/callback${query}`, { ...browser, ...crossSite });
    expect([response.status, response.headers.get("location"), await response.text()]).toEqual([
      303,
      "/photos?a=b",
      "",
    ]);
    expect(cookiesOf(response)).toEqual([
      expect.stringMatching(/^__Host-ocelli-access=at; .*HttpOnly; SameSite=Strict; Secure$/),
      expect.stringMatching(/^__Secure-ocelli-refresh=rt; .*HttpOnly; SameSite=Strict; Secure$/),
      forgotten,
    ]);
  });

  it("opens no session when an account was linked", async () => {
    world.answers.set("finishOidc", { tokens: undefined, returnTo: "/account", linked: true });
    const back = await get(`/callback${query}`, { ...browser, ...crossSite });
    expect([back.status, back.headers.get("location"), cookiesOf(back)]).toEqual([
      303,
      "/account",
      [forgotten],
    ]);
    world.answers.set("finishOidc", { tokens: undefined, returnTo: "", linked: true });
    expect(await bodyOf(await get(`/callback${query}`, browser))).toEqual({ linked: true });
  });

  it("does not ask auth for a browser that began no login", async () => {
    const foreign = [{}, { cookie: "__Host-ocelli-oidc=short" }, { cookie: `ocelli-oidc=${secret}` }];
    for (const headers of foreign) {
      const response = await get(`/callback${query}`, headers);
      expect(await problemOf(response)).toEqual([401, "INVALID_OIDC_STATE"]);
    }
    expect(world.calls).toEqual([]);
  });

  it("refuses queries that no provider sends", async () => {
    const queries = ["", "?code=c", "?state=", "?state=a&state=b", "?state=s&code=a&code=b"];
    for (const bad of [...queries, `?state=s&code=${"x".repeat(4096)}`]) {
      const response = await get(`/callback${bad}`, browser);
      expect(await problemOf(response), bad).toEqual([400, "INVALID_ARGUMENT"]);
    }
    expect(world.calls).toEqual([]);
  });

  it("passes on refusals, without what the provider said, and forgets the secret", async () => {
    failWith(world, "finishOidc", Status.UNAUTHENTICATED, "OIDC_REFUSED");
    const response = await get(
      "/callback?state=s&error=access_denied&error_description=%3Cscript%3E",
      browser,
    );
    expect(cookiesOf(response)).toEqual([forgotten]);
    expect(response.headers.get("content-type")).toBe("application/problem+json");
    const text = await response.text();
    expect(JSON.parse(text)).toMatchObject({ status: 401, reason: "OIDC_REFUSED" });
    expect(text).not.toContain("script");
  });

  it("goes nowhere else, whatever auth says", async () => {
    for (const returnTo of ["https://evil.example/", "//evil.example", "/\\evil.example"]) {
      world.answers.set("finishOidc", { tokens, returnTo, linked: false });
      const response = await get(`/callback${query}`, browser);
      expect(response.headers.get("location")).toBeNull();
      expect(cookiesOf(response)).toEqual([forgotten]);
      expect(await problemOf(response)).toEqual([500, "INTERNAL"]);
    }
  });
});

describe("without https", () => {
  it("uses a cookie that browsers take, and tokens where session cookies are off", async () => {
    const plain = await startTestGateway({ SESSION_COOKIES: "off" });
    try {
      const begun = await get("/login?returnTo=/", {}, plain);
      const [cookie = ""] = cookiesOf(begun);
      expect(cookie).toMatch(/^ocelli-oidc=[\w-]{43}; Path=\/; Max-Age=600; HttpOnly; SameSite=Lax$/);
      plain.upstreams.world.access.answers.set("finishOidc", { tokens, returnTo: "/", linked: false });
      const headers = { cookie: cookie.split(";")[0] ?? "" };
      const done = await get("/callback?code=c&state=s", headers, plain);
      expect(await bodyOf(done)).toEqual({ ...tokens, tokenType: "Bearer" });
    } finally {
      await plain.stop();
    }
  });
});
