import { randomUUID } from "node:crypto";
import { events } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { problemOf } from "./json.ts";
import { rawRequest } from "./raw-request.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

let test: TestGateway;
let token: string;
beforeAll(async () => {
  test = await startTestGateway();
  token = await test.signer.sign();
});
afterAll(() => test.stop());
beforeEach(() => {
  test.upstreams.world.exchanges.length = 0;
});

let keys = 0;

/** Makes an API key with scopes. */
function addKey(scope: string) {
  keys += 1;
  const apiKey = `ocelli_ak_${String(keys).padStart(43, "k")}`;
  const id = randomUUID();
  test.upstreams.world.apiKeys.set(apiKey, { id, scope });
  return { apiKey, id };
}

const withKey = (apiKey: string, path = "/photos", init: RequestInit = {}) =>
  test.call(path, { ...init, headers: { "x-api-key": apiKey, ...init.headers } });
const raw = async (headers: Record<string, string | string[]>) => {
  const { status, body } = await rawRequest(`${test.url}/api/v1/photos`, { headers });
  return [status, body.reason];
};

describe("an API key", () => {
  it("costs one call to auth, however many requests it makes", async () => {
    const { apiKey } = addKey("photos:read");
    const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    const parallel = await Promise.all(Array.from({ length: 50 }, () => withKey(apiKey)));
    expect(new Set(parallel.map(({ status }) => status))).toEqual(new Set([200]));
    for (let times = 0; times < 20; times += 1) {
      expect((await withKey(apiKey, `/photos/${photo.id}/original`)).status).toBe(200);
    }
    expect(test.upstreams.world.exchanges).toHaveLength(1);
  });

  it("tells auth where it is used from", async () => {
    const { apiKey } = addKey("photos:read");
    await withKey(apiKey, "/photos", { headers: { "user-agent": `tests ${"x".repeat(500)}` } });
    expect(test.upstreams.world.exchanges).toEqual([
      { apiKey, address: "127.0.0.1", userAgent: `tests ${"x".repeat(194)}` },
    ]);
  });

  it("opens what its scopes open", async () => {
    const { apiKey } = addKey("search");
    expect((await withKey(apiKey, "/search?q=cup")).status).toBe(200);
    const refused = await withKey(apiKey);
    expect(refused.headers.get("www-authenticate")).toBe('Bearer realm="ocelli", error="insufficient_scope"');
    expect(await problemOf(refused)).toEqual([403, "SCOPE_REQUIRED"]);
    for (const path of ["/photos", "/classify", "/detect/image"]) {
      const { received } = test.upstreams.world;
      const upload = await withKey(apiKey, path, { method: "POST", body: fileForm("picture") });
      expect(await problemOf(upload)).toEqual([403, "SCOPE_REQUIRED"]);
      expect(test.upstreams.world.received).toBe(received);
    }
  });

  it("does not open what takes a login", async () => {
    const { apiKey } = addKey("photos:read profile admin");
    expect(await problemOf(await withKey(apiKey, "/auth/sessions"))).toEqual([403, "SESSION_REQUIRED"]);
    expect(await problemOf(await withKey(apiKey, "/auth/csrf"))).toEqual([403, "SESSION_REQUIRED"]);
  });

  it("ends with the event that says so", async () => {
    const { apiKey, id } = addKey("photos:read");
    expect((await withKey(apiKey)).status).toBe(200);
    const { message, subject } = events.apiKeyRevoked;
    const payload = message.encode(message.fromPartial({ apiKeyId: id })).finish();
    await test.bus.publish({ id: randomUUID(), subject, payload });
    await expect.poll(async () => (await withKey(apiKey)).status).toBe(401);
    expect(await problemOf(await withKey(apiKey))).toEqual([401, "INVALID_API_KEY"]);
  });

  it.each([
    ["unknown", `ocelli_ak_${"u".repeat(43)}`],
    ["huge", "k".repeat(10_000)],
    ["empty", ""],
    ["a token", "eyJhbGciOiJub25lIn0.e30."],
    ["injected", "ocelli_ak_' OR 1=1 --"],
  ])("that is %s is refused alike", async (_, apiKey) => {
    expect(await problemOf(await withKey(apiKey))).toEqual([401, "INVALID_API_KEY"]);
  });

  it("that is unknown does not storm auth", async () => {
    const apiKey = `ocelli_ak_${"s".repeat(43)}`;
    await Promise.all(Array.from({ length: 100 }, () => withKey(apiKey)));
    expect(test.upstreams.world.exchanges).toHaveLength(1);
  });
});

describe("credentials of more than one kind", () => {
  it("are refused, whichever of them is good", async () => {
    const { apiKey } = addKey("photos:read");
    const ambiguous = [400, "AMBIGUOUS_CREDENTIALS"];
    const authorization = `Bearer ${token}`;
    const cookie = `__Host-ocelli-access=${token}`;
    expect(await raw({ authorization, "x-api-key": apiKey })).toEqual(ambiguous);
    expect(await raw({ authorization, cookie })).toEqual(ambiguous);
    expect(await raw({ "x-api-key": apiKey, cookie })).toEqual(ambiguous);
    expect(await raw({ authorization: "Bearer bad", "x-api-key": "bad" })).toEqual(ambiguous);
    expect(await raw({ authorization: [authorization, "Bearer other"] })).toEqual(ambiguous);
    expect(await raw({ authorization: [authorization, authorization] })).toEqual(ambiguous);
    expect(await raw({ "x-api-key": [apiKey, apiKey] })).toEqual(ambiguous);
    expect(await raw({ cookie: [cookie, cookie] })).toEqual(ambiguous);
    expect(test.upstreams.world.exchanges).toHaveLength(0);
  });

  it.each([
    ["Bearer"],
    ["Bearer "],
    ["Bearer a b"],
    ["bearer\ta"],
    ["Basic b2NlbGxpOm9jZWxsaQ=="],
    ["Digest username=a, realm=b"],
    [`Bearer ${"a".repeat(8000)}`],
    ["Bearer eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0."],
  ])("are not taken from %s", async (authorization) => {
    expect(await raw({ authorization })).toEqual([401, "INVALID_TOKEN"]);
  });

  it.each(["Bearer", "bearer", "BEARER"])("work with the scheme in any case: %s", async (scheme) => {
    expect((await raw({ authorization: `${scheme} ${token}` }))[0]).toBe(200);
  });
});

describe("a token", () => {
  it("of a session that was ended here is refused at once", async () => {
    const sessionId = randomUUID();
    const authorization = `Bearer ${await test.signer.sign({ sessionId })}`;
    expect((await raw({ authorization }))[0]).toBe(200);
    expect((await test.call(`/auth/sessions/${sessionId}`, { method: "DELETE" })).status).toBe(204);
    expect(await raw({ authorization })).toEqual([401, "TOKEN_REVOKED"]);
  });

  it("of a service is no user's", async () => {
    const authorization = `Bearer ${await test.signer.signService("library")}`;
    expect(await raw({ authorization })).toEqual([403, "USERS_ONLY"]);
  });
});

describe("credentials in the address", () => {
  it.each([
    "access_token=x",
    "ACCESS-TOKEN=x",
    "api_key=x",
    "apikey=x",
    "X-API-Key=x",
    "token=x",
    "password=x",
    "a=1&refreshToken=x",
    "%61ccess_token=x",
    "q=ocelli_ak_kkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkkk",
    "q=eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0abc.c2lnbmF0dXJl",
  ])("are refused: %s", async (query) => {
    for (const path of ["/photos", "/search", "//health", "/auth/login"]) {
      expect(await problemOf(await test.call(`${path}?${query}`))).toEqual([400, "CREDENTIALS_IN_URL"]);
    }
  });

  it("are not seen where there are none", async () => {
    const page = await test.call("/photos?pageToken=eyJhIjoxfQ");
    expect(page.status).toBe(200);
    expect((await test.call("/search?q=token%20password")).status).toBe(200);
  });
});
