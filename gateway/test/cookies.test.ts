import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { bodyOf, problemOf } from "./json.ts";
import { rawRequest } from "./raw-request.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

const page = "https://photos.example.org";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ CORS_ORIGINS: page });
});
afterAll(() => test.stop());

const login = { email: "ada@example.org", password: "long enough", cookies: true };

/** A POST with JSON and without any credentials but those given. */
function post(path: string, body: unknown, headers: Record<string, string> = {}, gateway = test) {
  return fetch(`${gateway.url}/api/v1${path}`, {
    method: "POST",
    body: JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
}

/** Name, value and attributes of each cookie that an answer sets. */
function cookiesOf(response: Response) {
  return response.headers.getSetCookie().map((line) => {
    const [pair = "", ...attributes] = line.split("; ");
    const [name = "", value = ""] = pair.split("=");
    return { name, value, attributes };
  });
}

async function openSession() {
  const response = await post("/auth/login", login);
  const [access, refresh] = cookiesOf(response);
  const { csrfToken } = await bodyOf(response);
  const accessCookie = `${access?.name}=${access?.value}`;
  return { accessCookie, refreshCookie: `${refresh?.name}=${refresh?.value}`, csrfToken: String(csrfToken) };
}

describe("a login with cookies", () => {
  it("puts both tokens where no script and no other site gets at them, and nowhere else", async () => {
    const response = await post("/auth/login", login);
    expect(response.status).toBe(200);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const [access, refresh] = cookiesOf(response);
    expect(access).toMatchObject({
      name: "__Host-ocelli-access",
      attributes: ["Path=/", "Max-Age=600", "HttpOnly", "SameSite=Strict", "Secure"],
    });
    expect(refresh).toMatchObject({
      name: "__Secure-ocelli-refresh",
      value: "refresh-1",
      attributes: ["Path=/api/v1/auth", "Max-Age=31536000", "HttpOnly", "SameSite=Strict", "Secure"],
    });
    expect(await bodyOf(response)).toEqual({
      csrfToken: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
      expiresIn: 600,
    });
  });

  it("is refused to pages of other sites, which could log their visitors in", async () => {
    const { calls } = test.upstreams.world.access;
    calls.length = 0;
    for (const headers of [{ origin: "https://evil.example" }, { "sec-fetch-site": "cross-site" }]) {
      const response = await post("/auth/login", login, headers);
      expect(response.headers.getSetCookie()).toEqual([]);
      expect(await problemOf(response)).toEqual([403, "CROSS_SITE_REQUEST"]);
    }
    expect(calls).toEqual([]);
  });

  it("is refreshed and ended with the cookie alone", async () => {
    const { refreshCookie } = await openSession();
    const refreshed = await post("/auth/refresh", { cookies: true }, { cookie: refreshCookie });
    expect([refreshed.status, cookiesOf(refreshed).length]).toEqual([200, 2]);
    expect(Object.keys(await bodyOf(refreshed)).sort()).toEqual(["csrfToken", "expiresIn"]);
    const ended = await post("/auth/logout", { cookies: true }, { cookie: refreshCookie });
    expect(ended.status).toBe(204);
    expect(cookiesOf(ended).map(({ value, attributes }) => [value, attributes[1]])).toEqual([
      ["", "Max-Age=0"],
      ["", "Max-Age=0"],
    ]);
    expect((await post("/auth/refresh", { cookies: true })).status).toBe(401);
    const evil = { cookie: refreshCookie, origin: "https://evil.example" };
    for (const path of ["/auth/refresh", "/auth/logout"]) {
      expect(await problemOf(await post(path, { cookies: true }, evil))).toEqual([403, "CROSS_SITE_REQUEST"]);
    }
  });
});

describe("the access cookie", () => {
  it("alone reads, pictures and live results too", async () => {
    const { accessCookie: cookie } = await openSession();
    const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    for (const path of ["/photos", `/photos/${photo.id}`, `/photos/${photo.id}/original`]) {
      expect((await test.call(path, { headers: { cookie } })).status, path).toBe(200);
    }
    const events = await test.call(`/photos/${photo.id}/events`, { headers: { cookie } });
    expect([events.status, events.headers.get("content-type")]).toEqual([200, "text/event-stream"]);
    await events.body?.cancel();
  });

  it("alone changes nothing", async () => {
    const { accessCookie: cookie, csrfToken } = await openSession();
    const upload = async (headers: Record<string, string>) =>
      problemOf(
        await test.call("/photos", { method: "POST", body: fileForm("x"), headers: { cookie, ...headers } }),
      );
    const other = (await openSession()).csrfToken;
    const { received } = test.upstreams.world;
    expect(await upload({})).toEqual([403, "CSRF_TOKEN_REQUIRED"]);
    expect(await upload({ "x-csrf-token": "" })).toEqual([403, "CSRF_TOKEN_REQUIRED"]);
    const wrong = [
      `${csrfToken}x`,
      csrfToken.slice(1),
      csrfToken.toUpperCase(),
      "null",
      "x".repeat(43),
      "x".repeat(9000),
    ];
    for (const each of wrong) {
      expect(await upload({ "x-csrf-token": each })).toEqual([403, "INVALID_CSRF_TOKEN"]);
    }
    if (other !== csrfToken)
      expect(await upload({ "x-csrf-token": other })).toEqual([403, "INVALID_CSRF_TOKEN"]);
    for (const origin of [
      "https://evil.example",
      "null",
      `${test.url}.evil.example`,
      `${page}.evil`,
      "http://localhost",
    ]) {
      const headers = { "x-csrf-token": csrfToken, origin };
      expect(await upload(headers), origin).toEqual([403, "CROSS_SITE_REQUEST"]);
    }
    for (const site of ["cross-site", "same-site", "none"]) {
      const headers = { "x-csrf-token": csrfToken, "sec-fetch-site": site };
      expect(await upload(headers), site).toEqual([403, "CROSS_SITE_REQUEST"]);
    }
    expect(test.upstreams.world.received).toBe(received);
  });

  it("changes things with its CSRF token, from our pages and listed ones", async () => {
    const { accessCookie: cookie, csrfToken } = await openSession();
    const own = { origin: test.url, "sec-fetch-site": "same-origin" };
    const listed = { origin: page, "sec-fetch-site": "same-site" };
    for (const headers of [{}, own, listed, { origin: "http://localhost:8080" }]) {
      const body = fileForm(JSON.stringify(headers));
      const all = { cookie, "x-csrf-token": csrfToken, ...headers };
      expect((await test.call("/photos", { method: "POST", body, headers: all })).status).toBe(201);
    }
  });

  it("gives a page that was just loaded its CSRF token", async () => {
    const { accessCookie: cookie, csrfToken } = await openSession();
    const answer = await test.call("/auth/csrf", { headers: { cookie, "sec-fetch-site": "same-origin" } });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(await bodyOf(answer)).toEqual({ csrfToken });
    const evil = await test.call("/auth/csrf", { headers: { cookie, origin: "https://evil.example" } });
    expect(await problemOf(evil)).toEqual([403, "CROSS_SITE_REQUEST"]);
    expect((await test.call("/auth/csrf")).status).toBe(401);
  });

  it.each<[string, (token: string) => string | string[], number, string]>([
    [
      "twice",
      (token) => `__Host-ocelli-access=${token}; __Host-ocelli-access=x`,
      400,
      "AMBIGUOUS_CREDENTIALS",
    ],
    [
      "in two lines",
      (token) => [`__Host-ocelli-access=${token}`, "__Host-ocelli-access=x"],
      400,
      "AMBIGUOUS_CREDENTIALS",
    ],
    ["without its prefix", (token) => `ocelli-access=${token}`, 401, "UNAUTHENTICATED"],
    ["with another prefix", (token) => `__Secure-ocelli-access=${token}`, 401, "UNAUTHENTICATED"],
    ["in other letters", (token) => `__host-Ocelli-Access=${token}`, 401, "UNAUTHENTICATED"],
    ["inside another one", (token) => `a="; __Host-ocelli-access=${token}"`, 401, "INVALID_TOKEN"],
    ["as part of another name", (token) => `x__Host-ocelli-access=${token}`, 401, "UNAUTHENTICATED"],
    ["quoted", (token) => `__Host-ocelli-access="${token}"`, 401, "INVALID_TOKEN"],
    ["empty", () => "__Host-ocelli-access=", 401, "UNAUTHENTICATED"],
    ["huge", () => `__Host-ocelli-access=${"a".repeat(10_000)}`, 401, "UNAUTHENTICATED"],
    ["as the refresh token", () => "__Secure-ocelli-refresh=refresh-1", 401, "UNAUTHENTICATED"],
  ])("is not taken %s", async (_, toCookie, status, reason) => {
    const cookie = toCookie(await test.signer.sign());
    const answer = await rawRequest(`${test.url}/api/v1/photos`, { headers: { cookie } });
    expect([answer.status, answer.body.reason]).toEqual([status, reason]);
  });
});

describe("SESSION_COOKIES", () => {
  it("insecure makes plain cookies", async () => {
    const insecure = await startTestGateway({ SESSION_COOKIES: "insecure" });
    const response = await post("/auth/login", login, {}, insecure);
    const [access, refresh] = cookiesOf(response);
    expect([access?.name, refresh?.name]).toEqual(["ocelli-access", "ocelli-refresh"]);
    for (const each of [access, refresh]) {
      expect(each?.attributes).toEqual(expect.arrayContaining(["HttpOnly", "SameSite=Strict"]));
      expect(each?.attributes).not.toContain("Secure");
    }
    const headers = { cookie: `ocelli-access=${access?.value}` };
    expect((await insecure.call("/photos", { headers })).status).toBe(200);
    await insecure.stop();
  });

  it("off makes none and takes none", async () => {
    const off = await startTestGateway({ SESSION_COOKIES: "off" });
    const response = await post("/auth/login", login, {}, off);
    expect(response.headers.getSetCookie()).toEqual([]);
    expect(await problemOf(response)).toEqual([400, "COOKIES_OFF"]);
    const headers = { cookie: `__Host-ocelli-access=${await off.signer.sign()}` };
    expect(await problemOf(await off.call("/photos", { headers }))).toEqual([401, "UNAUTHENTICATED"]);
    await off.stop();
  });
});
