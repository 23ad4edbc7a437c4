import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { visit } from "./album-upstreams.ts";
import { failWith, someId } from "./auth-upstreams.ts";
import { type GoodRequest, hostileBodies, send } from "./hostile.ts";
import { bodyOf, problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ RATE_LIMIT_WRITE: "off", RATE_LIMIT_READ: "off", RATE_LIMIT_AUTH: "off" });
});
afterAll(() => test.stop());
beforeEach(() => {
  const { access } = test.upstreams.world;
  access.calls.length = 0;
  access.failures.clear();
});

const path = `/albums/${someId}`;
const requests: GoodRequest[] = [
  {
    method: "POST",
    path: "/albums",
    body: { name: "Lisbon", parentId: someId, requestId: someId },
    optional: ["parentId", "requestId"],
    nullable: ["parentId"],
  },
  {
    method: "PATCH",
    path,
    body: { name: "Lisbon", parentId: someId, coverPhotoId: someId },
    optional: ["name", "parentId", "coverPhotoId"],
    nullable: ["parentId", "coverPhotoId"],
  },
  { method: "POST", path: `${path}/photos`, body: { photoIds: [someId] } },
  { method: "DELETE", path: `${path}/photos`, body: { photoIds: [someId] } },
  {
    method: "PUT",
    path: `${path}/shares`,
    body: { email: "ada@example.org", role: "viewer" },
    optional: ["email"],
  },
  {
    method: "POST",
    path: `${path}/links`,
    body: { password: "long enough", originals: true, expiresAt: "2030-01-01T00:00:00Z" },
    optional: ["password", "originals", "expiresAt"],
    nullable: ["password", "expiresAt"],
  },
  {
    method: "POST",
    path: "/links/open",
    body: { secret: "x", password: "long enough" },
    optional: ["password"],
  },
];

describe.each(requests)("$method $path", (request) => {
  it("takes what is right", async () => {
    const response = await test.call(request.path, {
      method: request.method,
      body: JSON.stringify(request.body),
      headers: { "content-type": "application/json" },
    });
    expect(response.ok, await response.text()).toBe(true);
  });

  it("refuses everything else before any service hears of it", async () => {
    for (const hostile of hostileBodies(request)) {
      // What is optional may be missing, unless it is one of two that are.
      const response = await send(test, request, hostile);
      const body = await bodyOf(response);
      expect([response.status, body.reason], hostile.what).toEqual([hostile.status, hostile.reason]);
      expect(JSON.stringify(body), hostile.what).not.toContain("long enough");
    }
    expect(test.upstreams.world.access.calls).toEqual([]);
  });
});

describe("queries and paths", () => {
  it.each(["?shared=1", "?parentId=x", "?pageSize=-1", "?photos=keep", "?shared=true&shared=false"])(
    "refuses GET /albums%s",
    async (query) => {
      const [status] = await problemOf(await test.call(`/albums${query}`));
      expect(status).toBe(400);
    },
  );

  it("refuses an unknown fate of photos, and ids that are none", async () => {
    expect(await problemOf(await test.call(`${path}?photos=burn`, { method: "DELETE" }))).toEqual([
      400,
      "INVALID_ARGUMENT",
    ]);
    for (const unknown of ["/albums/1", "/albums/x/photos", "/albums/x/shares", `${path}/links/x`]) {
      const method = unknown.includes("links/") ? "DELETE" : "GET";
      expect(await problemOf(await test.call(unknown, { method })), unknown).toEqual([
        404,
        "ALBUM_NOT_FOUND",
      ]);
    }
    expect(test.upstreams.world.access.calls).toEqual([]);
  });
});

describe("the page of public links", () => {
  it.each([
    ["/shared", "text/html"],
    ["/shared/shared.js", "text/javascript"],
    ["/shared/shared.css", "text/css"],
  ])("%s comes with a policy that lets nothing else in", async (file, mediaType) => {
    const response = await fetch(`${test.url}${file}`);
    expect(response.status).toBe(200);
    expect(response.headers.get("content-type")).toContain(mediaType);
    expect(response.headers.get("content-security-policy")).toMatch(
      /^default-src 'none'; script-src 'self';/,
    );
    expect(response.headers.get("referrer-policy")).toBe("no-referrer");
  });
});

describe("public links", () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    test.call("/links/open", {
      method: "POST",
      body: JSON.stringify(body),
      headers: { "content-type": "application/json", ...headers },
    });

  it("keeps the visit in a cookie that no script reads, never in the body", async () => {
    const response = await post({ secret: "x" });
    expect(await response.json()).toEqual({ expiresIn: 60 });
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("set-cookie")).toMatch(
      /ocelli-visit=ocelli_lv_v{43}; Path=\/; Max-Age=60; HttpOnly; SameSite=Lax/,
    );
  });

  it("is not opened by another site's page", async () => {
    const foreign = await post({ secret: "x" }, { origin: "https://evil.example" });
    expect(await problemOf(foreign)).toEqual([403, "CROSS_SITE_REQUEST"]);
    expect(test.upstreams.world.access.calls).toEqual([]);
  });

  it("passes a visit on only when it could be one", async () => {
    for (const cookie of ["", "ocelli-visit=", "ocelli-visit=x", `ocelli-visit=${visit}x`]) {
      const response = await test.call("/links/album", { headers: { cookie } });
      expect(await problemOf(response), cookie).toEqual([401, "VISIT_EXPIRED"]);
    }
    expect(test.upstreams.world.access.calls).toEqual([]);
  });

  it("says how long to wait after too many passwords", async () => {
    failWith(test.upstreams.world.access, "openAlbumLink", Status.RESOURCE_EXHAUSTED, "TOO_MANY_ATTEMPTS");
    const response = await post({ secret: "x", password: "y" });
    expect(response.headers.get("retry-after")).toMatch(/^\d+$/);
    expect(await problemOf(response)).toEqual([429, "TOO_MANY_ATTEMPTS"]);
  });
});
