import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { bodyOf, problemOf } from "./json.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { createTokenSigner, defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ CORS_ORIGINS: "https://photos.example.org" });
});
afterAll(() => test.stop());
beforeEach(() => {
  const { world } = test.upstreams;
  world.photos.clear();
  for (const list of [world.searches, world.lists, world.detections]) list.length = 0;
});

const postJson = (path: string, body: string, type = "application/json") =>
  test.call(path, { method: "POST", body, headers: { "content-type": type } });

describe("accounts", () => {
  it("signs up, logs in, refreshes, logs out", async () => {
    const account = { email: "bob@example.org", password: "long enough", name: "Bob" };
    const created = await postJson("/auth/signup", JSON.stringify(account));
    expect(created.status).toBe(201);
    expect(await bodyOf(created)).toMatchObject({ email: "bob@example.org", name: "Bob", role: "user" });
    const login = await postJson(
      "/auth/login",
      JSON.stringify({ email: "bob@example.org", password: "long enough" }),
    );
    expect(login.headers.get("cache-control")).toBe("no-store");
    const tokens = await bodyOf(login);
    expect(tokens).toMatchObject({ tokenType: "Bearer", expiresIn: 600, refreshToken: "refresh-1" });
    expect((await postJson("/auth/refresh", JSON.stringify({ refreshToken: "refresh-1" }))).status).toBe(200);
    expect((await postJson("/auth/logout", JSON.stringify({ refreshToken: "refresh-1" }))).status).toBe(204);
    const me = await test.call("/users/me", { headers: { authorization: `Bearer ${tokens.accessToken}` } });
    expect(await bodyOf(me)).toMatchObject({ id: defaultUserId, createdAt: "2026-01-01T00:00:00.000Z" });
  });

  it("passes on what auth says, fields included", async () => {
    const taken = { email: "taken@example.org", password: "long enough", name: "T" };
    expect(await problemOf(await postJson("/auth/signup", JSON.stringify(taken)))).toEqual([
      409,
      "EMAIL_TAKEN",
    ]);
    const weak = await postJson(
      "/auth/signup",
      JSON.stringify({ ...taken, email: "new@example.org", password: "short" }),
    );
    expect(weak.headers.get("content-type")).toBe("application/problem+json");
    expect(await bodyOf(weak)).toMatchObject({
      status: 400,
      reason: "INVALID_PASSWORD",
      errors: [{ field: "password", description: "must have at least 8 characters" }],
    });
  });

  it("refuses bodies that are not the JSON it asks for", async () => {
    expect(await problemOf(await postJson("/auth/login", "{"))).toEqual([400, "MALFORMED_JSON"]);
    expect(await problemOf(await postJson("/auth/login", "a=b", "text/plain"))).toEqual([
      415,
      "EXPECTED_JSON",
    ]);
    const wrong = await bodyOf(await postJson("/auth/login", '{"email": 1, "extra": true}'));
    expect(wrong).toMatchObject({ status: 400, reason: "INVALID_ARGUMENT" });
    expect(wrong.errors.map((each: { field: string }) => each.field).sort()).toEqual([
      "email",
      "extra",
      "password",
    ]);
  });

  it("publishes the keys at both addresses", async () => {
    for (const path of ["/.well-known/jwks.json", "//.well-known/jwks.json"]) {
      expect(await bodyOf(await test.call(path))).toEqual(JSON.parse(test.signer.jwksJson));
    }
  });
});

describe("tokens", () => {
  const get = (authorization: string) => test.call("/photos", { headers: { authorization } });

  it("must be there, whole, current, ours and for us", async () => {
    const stranger = await createTokenSigner();
    const none = await fetch(`${test.url}/api/v1/photos`);
    expect(none.headers.get("www-authenticate")).toBe('Bearer realm="ocelli"');
    expect(await problemOf(none)).toEqual([401, "UNAUTHENTICATED"]);
    expect(await problemOf(await get("Basic abc"))).toEqual([401, "INVALID_TOKEN"]);
    expect(await problemOf(await get(`Bearer ${await stranger.sign()}`))).toEqual([401, "INVALID_TOKEN"]);
    const foreign = await test.signer.sign({ audience: "elsewhere" });
    expect(await problemOf(await get(`Bearer ${foreign}`))).toEqual([401, "INVALID_TOKEN"]);
    const expired = await test.signer.sign({ expiresIn: "-1m" });
    expect(await problemOf(await get(`Bearer ${expired}`))).toEqual([401, "TOKEN_EXPIRED"]);
  });
});

describe("lists and search", () => {
  it("hands pages through and refuses what is no page", async () => {
    addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    const page = await bodyOf(await test.call("/photos?pageSize=10000&pageToken=abc"));
    expect(page).toMatchObject({ items: [{ filename: "photo.jpg" }], nextPageToken: "more" });
    expect(test.upstreams.world.lists).toMatchObject([{ pageSize: 10_000, pageToken: "abc" }]);
    for (const query of ["pageSize=-1", "pageSize=x", "pageSize=1&pageSize=2", "page_size=3"]) {
      expect(await problemOf(await test.call(`/photos?${query}`))).toEqual([400, "INVALID_ARGUMENT"]);
    }
  });

  it("asks the search service in its own words", async () => {
    const found = await bodyOf(await test.call("/search?q=cup%20of%20coffee&mode=text&minScore=0.5"));
    expect(found).toEqual({
      items: [{ photoId: "p1", score: 0.5, why: ["picture"] }],
      nextPageToken: "",
      understood: [{ kind: "person", text: "ada", meaning: "Ada" }],
    });
    expect(test.upstreams.world.searches).toMatchObject([
      { query: "cup of coffee", mode: "SEARCH_MODE_TEXT", minScore: 0.5, pageSize: 0 },
    ]);
    await test.call("/search?q=cup");
    expect(test.upstreams.world.searches[1]).toMatchObject({
      mode: "SEARCH_MODE_HYBRID",
      minScore: undefined,
    });
    const wrong = ["mode=magic", "minScore=2", "favorite=maybe", "from=yesterday", "personId=p1", "q=b"];
    for (const query of wrong.map((each) => `q=a&${each}`)) {
      expect(await problemOf(await test.call(`/search?${query}`))).toEqual([400, "INVALID_ARGUMENT"]);
    }
  });
});

describe("POST /detect/image", () => {
  it("takes options from the query and from fields before the file", async () => {
    const form = fileForm("picture", "a.jpg", { confidence: "0.25", classes: "dog, cat" });
    const answer = await test.call("/detect/image", { method: "POST", body: form });
    expect(await bodyOf(answer)).toEqual({
      detections: [{ label: "dog", confidence: 0.9, box: { x: 0.1, y: 0.2, width: 0.3, height: 0.4 } }],
      width: 7,
      height: 10,
      model: "test-model@1",
      ms: 12,
    });
    await test.call("/detect/image?confidence=0.5&classes=car", {
      method: "POST",
      body: fileForm("picture"),
    });
    expect(test.upstreams.world.detections).toEqual([
      { minScore: 0.25, labels: ["dog", "cat"] },
      { minScore: 0.5, labels: ["car"] },
    ]);
  });

  it("refuses options that make no sense", async () => {
    const form = fileForm("picture", "a.jpg", { confidence: "lots" });
    const refused = await test.call("/detect/image", { method: "POST", body: form });
    expect(await problemOf(refused)).toEqual([400, "INVALID_ARGUMENT"]);
  });
});

describe("renditions", () => {
  it("streams bytes with headers that keep them harmless and private", async () => {
    const bytes = Buffer.alloc(200_000, 3);
    const photo = addPhoto(test.upstreams.world, {
      ownerId: defaultUserId,
      bytes,
      filename: '"evil\r\n.html',
    });
    const response = await test.call(`/photos/${photo.id}/original`);
    expect(Buffer.from(await response.arrayBuffer()).equals(bytes)).toBe(true);
    expect(Object.fromEntries(response.headers)).toMatchObject({
      "content-type": "image/jpeg",
      "content-length": "200000",
      "cache-control": "private, no-cache",
      "content-disposition": "inline; filename=\"_evil__.html.jpg\"; filename*=UTF-8''%22evil%0D%0A.html.jpg",
      "content-security-policy": "default-src 'none'; base-uri 'none'; frame-ancestors 'none'; sandbox",
      "x-content-type-options": "nosniff",
    });
  });

  it("answers 304 to the tag it gave, and HEAD without a body", async () => {
    const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    const head = await test.call(`/photos/${photo.id}/preview`, { method: "HEAD" });
    expect([head.status, await head.text(), head.headers.get("content-length")]).toEqual([200, "", "12"]);
    const etag = head.headers.get("etag") ?? "";
    const again = await test.call(`/photos/${photo.id}/preview`, {
      headers: { "if-none-match": `"x", W/${etag}` },
    });
    expect([again.status, await again.text(), again.headers.get("etag")]).toEqual([304, "", etag]);
    const other = await test.call(`/photos/${photo.id}/thumbnail`, { headers: { "if-none-match": etag } });
    expect(other.status).toBe(200);
  });

  it("never lets a browser interpret what is no image", async () => {
    const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    photo.mediaType = "text/html";
    const response = await test.call(`/photos/${photo.id}/original`);
    expect(response.headers.get("content-type")).toBe("application/octet-stream");
    expect((await test.call("/photos/018f0000-0000-7000-8000-00000000dead/original")).status).toBe(404);
  });
});

describe("single results", () => {
  it("are there once they exist", async () => {
    const { world } = test.upstreams;
    const photo = addPhoto(world, { ownerId: defaultUserId });
    expect((await test.call(`/photos/${photo.id}/faces`)).status).toBe(404);
    world.faces.set(photo.id, []);
    world.captions.set(photo.id, { text: "a cat", source: "RESULT_SOURCE_USER", score: 1 });
    expect(await bodyOf(await test.call(`/photos/${photo.id}/faces`))).toEqual({
      items: [],
      nextPageToken: "",
    });
    expect(await bodyOf(await test.call(`/photos/${photo.id}/caption`))).toMatchObject({ source: "USER" });
  });
});

describe("every answer", () => {
  it("carries ids and protective headers, problems too", async () => {
    for (const path of ["//health", "/photos", "/nothing"]) {
      const { headers } = await test.call(path, { headers: { "x-request-id": "my-id-001" } });
      expect(headers.get("x-request-id")).toBe("my-id-001");
      expect(headers.get("x-trace-id")).toMatch(/^[0-9a-f]{32}$/);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    }
    const replaced = await test.call("//health", { headers: { "x-request-id": "bad id!" } });
    expect(replaced.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  it("names the trace in problems", async () => {
    const response = await test.call("/nothing");
    expect(await bodyOf(response)).toMatchObject({
      status: 404,
      reason: "ROUTE_NOT_FOUND",
      traceId: response.headers.get("x-trace-id"),
    });
  });

  it("says which methods an address takes", async () => {
    const response = await test.call("/photos", { method: "DELETE" });
    expect(response.headers.get("allow")).toBe("GET, POST");
    expect(await problemOf(response)).toEqual([405, "METHOD_NOT_ALLOWED"]);
  });

  it("lets only named origins in", async () => {
    const origin = "https://photos.example.org";
    const preflight = { method: "OPTIONS", headers: { origin, "access-control-request-method": "POST" } };
    expect((await test.call("/photos", preflight)).headers.get("access-control-allow-origin")).toBe(origin);
    const other = { headers: { origin: "https://evil.example" } };
    expect((await test.call("/photos", other)).headers.get("access-control-allow-origin")).toBeNull();
  });
});

describe("operations", () => {
  it("tells life, readiness by dependency, and metrics", async () => {
    expect(await bodyOf(await test.call("//health"))).toEqual({ status: "ok" });
    const ready = await test.call("//ready");
    expect(ready.status).toBe(200);
    const names = ["auth", "library", "captioning", "face", "scene", "search", "events"];
    expect(await bodyOf(ready)).toEqual({
      ready: true,
      draining: false,
      checks: Object.fromEntries(names.map((name) => [name, "ok"])),
      required: ["auth", "library"],
    });
    const metrics = await (await test.call("//metrics")).text();
    expect(metrics).toContain('ocelli_http_seconds_count{route="/health",method="GET",status="200"}');
  });

  it.each([
    ["SEARCH", 200],
    ["FACE", 200],
    ["LIBRARY", 503],
    ["AUTH", 503],
  ] as const)(
    "without %s readiness is %d: only what nearly everything needs takes a gateway away",
    async (name, status) => {
      const lonely = await startTestGateway({ [`${name}_ADDR`]: "127.0.0.1:1" });
      const ready = await lonely.call("//ready");
      expect(ready.status).toBe(status);
      const { checks } = await bodyOf(ready);
      expect(checks).toMatchObject({
        [name.toLowerCase()]: expect.stringMatching(/failed|timeout/),
        scene: "ok",
      });
      expect((await lonely.call("//health")).status).toBe(200);
      await lonely.stop();
    },
  );
});
