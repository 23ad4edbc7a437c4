import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { type GoodRequest, hostileBodies, send } from "./hostile.ts";
import { bodyOf, problemOf } from "./json.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto } from "./upstreams.ts";

let test: TestGateway;
let own: string;
let foreign: string;
beforeAll(async () => {
  test = await startTestGateway({ RATE_LIMIT_WRITE: "off", RATE_LIMIT_READ: "off", MAX_UPLOAD_BYTES: "1mb" });
});
afterAll(() => test.stop());
beforeEach(() => {
  const { world } = test.upstreams;
  world.photos.clear();
  world.lists.length = 0;
  const { updates, changes, existing } = world.photoCalls;
  for (const list of [updates, changes, existing]) list.length = 0;
  own = addPhoto(world, { ownerId: defaultUserId }).id;
  foreign = addPhoto(world, { ownerId: crypto.randomUUID() }).id;
});

const json = (method: string, path: string, body: unknown) =>
  test.call(path, { method, body: JSON.stringify(body), headers: { "content-type": "application/json" } });
const heard = () => {
  const { updates, changes, existing } = test.upstreams.world.photoCalls;
  return updates.length + changes.length + existing.length + test.upstreams.world.lists.length;
};

describe("GET /photos", () => {
  it("passes filters and order on", async () => {
    const albumId = crypto.randomUUID();
    const query = new URLSearchParams({
      ...{
        albumId: albumId.toUpperCase(),
        takenFrom: "2020-01-01T00:00:00Z",
        takenUntil: "2021-01-01T00:00:00+02:00",
      },
      ...{ camera: "Nikon", place: "Łódź", favorite: "true", mediaType: "image/png", hasFaces: "false" },
      ...{ failedStage: "any", hidden: "false", trashed: "true", order: "taken", pageSize: "7" },
    });
    expect((await test.call(`/photos?${query}`)).status).toBe(200);
    expect(test.upstreams.world.lists).toEqual([
      {
        pageSize: 7,
        pageToken: "",
        order: "PHOTO_ORDER_TAKEN_ASC",
        filter: {
          albumId,
          takenFrom: new Date("2020-01-01T00:00:00Z"),
          takenUntil: new Date("2020-12-31T22:00:00Z"),
          ...{ camera: "Nikon", place: "Łódź", favorite: true, mediaType: "image/png", hasFaces: false },
          ...{ failedStage: "any", hidden: false, trashed: true },
        },
      },
    ]);
  });

  it("asks for nothing that was not asked for", async () => {
    await test.call("/photos");
    const [request] = test.upstreams.world.lists;
    expect(request).toMatchObject({
      order: "PHOTO_ORDER_ADDED_DESC",
      filter: { trashed: false, albumId: "" },
    });
    expect(request?.filter?.favorite ?? request?.filter?.hidden ?? request?.filter?.hasFaces).toBeUndefined();
  });

  const queries = [
    ...[
      "albumId=x",
      "takenFrom=yesterday",
      "takenUntil=2020-01-01",
      `camera=${"x".repeat(101)}`,
      "place=%00",
    ],
    ...[
      "favorite=1",
      "favorite=true&favorite=false",
      "mediaType=text/html",
      "hasFaces=yes",
      "failedStage=nonsense",
    ],
    ...[
      "hidden=",
      "trashed=TRUE",
      "order=-",
      "order=added,taken",
      "order=random",
      "ownerId=x",
      "filter[trashed]=true",
    ],
  ];
  it.each(queries)("refuses ?%s", async (query) => {
    expect(await problemOf(await test.call(`/photos?${query}`))).toEqual([400, "INVALID_ARGUMENT"]);
    expect(heard()).toBe(0);
  });
});

describe("a photo", () => {
  it("shows what is said of it", async () => {
    const found = test.upstreams.world.photos.get(own);
    Object.assign(found?.photo ?? {}, {
      ...{ title: "T", description: "D", hidden: true, trashedAt: new Date(0), takenAtOffsetMinutes: -60 },
      ...{ location: { latitude: 1, longitude: 2, city: "C", region: "", country: "P" } },
      ...{ camera: "Nikon", lens: "", albumIds: ["a"], faceCount: 0 },
    });
    const view = await bodyOf(await test.call(`/photos/${own}`));
    expect(view).toMatchObject({
      ...{ title: "T", description: "D", hidden: true, trashedAt: "1970-01-01T00:00:00.000Z" },
      ...{ takenAtOffsetMinutes: -60, camera: "Nikon", lens: null, albumIds: ["a"], faceCount: 0 },
      location: { latitude: 1, longitude: 2, city: "C", region: null, country: "P" },
    });
  });

  it.each([
    [{ title: "x" }, ["title"], {}],
    [{ favorite: false, hidden: true }, ["favorite", "hidden"], { hidden: true }],
    [{ takenAt: null }, ["taken_at"], { takenAt: undefined }],
    [
      { takenAt: "2020-01-01T12:00:00+01:00", takenAtOffsetMinutes: 60 },
      ["taken_at"],
      { takenAt: new Date("2020-01-01T11:00:00Z"), takenAtOffsetMinutes: 60 },
    ],
  ])("is changed by %j", async (body, updateMask, fields) => {
    expect((await json("PATCH", `/photos/${own}`, body)).status).toBe(200);
    const [request] = test.upstreams.world.photoCalls.updates;
    expect(request).toMatchObject({ photoId: own, updateMask, ...fields });
  });

  it.each([{}, { takenAtOffsetMinutes: 60 }, { takenAt: null, takenAtOffsetMinutes: 60 }, { title: null }])(
    "is not changed by %j",
    async (body) => {
      expect(await problemOf(await json("PATCH", `/photos/${own}`, body))).toEqual([400, "INVALID_ARGUMENT"]);
      expect(heard()).toBe(0);
    },
  );

  it("goes to the trash, comes back, and is deleted for good", async () => {
    const { changes } = test.upstreams.world.photoCalls;
    expect((await test.call(`/photos/${own}`, { method: "DELETE" })).status).toBe(204);
    const restored = await test.call(`/photos/${own}/restore`, { method: "POST" });
    expect([restored.status, (await bodyOf(restored)).id]).toEqual([200, own]);
    expect((await test.call(`/photos/${own}?permanent=true`, { method: "DELETE" })).status).toBe(204);
    expect(changes.map(({ change }) => change)).toEqual([
      "PHOTO_CHANGE_TRASH",
      "PHOTO_CHANGE_RESTORE",
      "PHOTO_CHANGE_DELETE",
    ]);
  });

  it.each(["?permanent=1", "?permanent=", "?permanent=true&permanent=false", "?force=true"])(
    "is not deleted by a query such as %s",
    async (query) => {
      const response = await test.call(`/photos/${own}${query}`, { method: "DELETE" });
      expect(await problemOf(response)).toEqual([400, "INVALID_ARGUMENT"]);
      expect(heard()).toBe(0);
    },
  );

  it("of somebody else, or none, is unknown", async () => {
    for (const id of [foreign, crypto.randomUUID(), "nonsense", "..%2ftrash"]) {
      for (const [method, suffix] of [
        ["DELETE", ""],
        ["DELETE", "?permanent=true"],
        ["POST", "/restore"],
      ] as const) {
        const response = await test.call(`/photos/${id}${suffix}`, { method });
        expect(await problemOf(response), `${method} ${id}`).toEqual([404, "PHOTO_NOT_FOUND"]);
      }
    }
  });
});

describe("many photos", () => {
  it("are changed at once", async () => {
    const body = { photoIds: [own.toUpperCase(), foreign], change: "hide" };
    const response = await json("POST", "/photos/bulk", body);
    expect([response.status, await response.json()]).toEqual([200, { photoIds: [own] }]);
    expect(test.upstreams.world.photoCalls.changes).toEqual([
      { photoIds: [own, foreign], change: "PHOTO_CHANGE_HIDE" },
    ]);
  });

  it("are at most a thousand", async () => {
    const photoIds = Array.from({ length: 1000 }, () => crypto.randomUUID());
    expect((await json("POST", "/photos/bulk", { photoIds, change: "trash" })).status).toBe(200);
    const more = { photoIds: [...photoIds, own], change: "trash" };
    expect(await problemOf(await json("POST", "/photos/bulk", more))).toEqual([400, "INVALID_ARGUMENT"]);
  });

  it("leave the trash all together", async () => {
    const response = await test.call("/photos/trash", { method: "DELETE" });
    expect([response.status, await response.json()]).toEqual([200, { deleted: 3 }]);
  });

  it("are looked for by a thousand hashes", async () => {
    const sha256 = Array.from({ length: 1000 }, (_, n) => n.toString(16).padStart(64, "0"));
    const response = await json("POST", "/photos/exists", { sha256 });
    expect(await response.json()).toEqual({ photos: [{ sha256: sha256[0], photoId: "p1", trashed: true }] });
    expect(test.upstreams.world.photoCalls.existing[0]?.sha256).toEqual(sha256);
    for (const wrong of [[], ["x"], [...sha256, sha256[0]], [sha256[0]?.replace("0", "A")]]) {
      const refused = await problemOf(await json("POST", "/photos/exists", { sha256: wrong }));
      expect(refused).toEqual([400, "INVALID_ARGUMENT"]);
    }
  });
});

describe("POST /photos/validate", () => {
  const post = (bytes: Buffer) => test.call("/photos/validate", { method: "POST", body: fileForm(bytes) });

  it("answers with the verdict, also with one that comes before the end of the file", async () => {
    const { photoCalls } = test.upstreams.world;
    for (const verdictAfter of [Number.POSITIVE_INFINITY, 100_000]) {
      photoCalls.verdictAfter = verdictAfter;
      const response = await post(Buffer.alloc(900_000, 7));
      expect(response.status).toBe(200);
      expect(await response.json()).toEqual({
        ...{ valid: false, mediaType: null, width: null, height: null, sha256: null, duplicateOf: null },
        sizeBytes: photoCalls.validated,
        problems: [{ reason: "CORRUPT_IMAGE", message: "No." }],
      });
    }
    expect(test.upstreams.world.photos.size).toBe(2);
  });

  it("refuses what no upload could be", async () => {
    expect(await problemOf(await post(Buffer.alloc(1_200_000)))).toEqual([413, "FILE_TOO_LARGE"]);
    const response = await test.call("/photos/validate", { method: "POST", body: "{}" });
    expect(await problemOf(response)).toEqual([415, "EXPECTED_MULTIPART"]);
  });
});

describe("hostile bodies", () => {
  const requests: Array<Omit<GoodRequest, "path"> & { path: () => string }> = [
    {
      method: "PATCH",
      path: () => `/photos/${own}`,
      body: {
        title: "x",
        favorite: true,
        hidden: true,
        takenAt: "2030-01-01T00:00:00Z",
        takenAtOffsetMinutes: 7,
      },
      optional: ["title", "favorite", "hidden", "takenAt", "takenAtOffsetMinutes"],
      nullable: ["takenAt"],
    },
    {
      method: "POST",
      path: () => "/photos/bulk",
      body: { photoIds: ["018f0000-0000-7000-8000-000000000001"], change: "trash" },
    },
    { method: "POST", path: () => "/photos/exists", body: { sha256: ["0".repeat(64)] } },
  ];

  it.each(requests)("$method $body never reach the library", async ({ path, ...rest }) => {
    const request = { ...rest, path: path() };
    for (const hostile of hostileBodies(request)) {
      const response = await send(test, request, hostile);
      const body = await bodyOf(response);
      expect([response.status, body.reason], hostile.what).toEqual([hostile.status, hostile.reason]);
    }
    expect(heard()).toBe(0);
  });
});

describe("access", () => {
  const routes = [
    ["GET", "/photos", "photos:read"],
    ["POST", "/photos/exists", "photos:read"],
    ["PATCH", "/photos/{id}", "photos:write"],
    ["DELETE", "/photos/{id}", "photos:write"],
    ["POST", "/photos/{id}/restore", "photos:write"],
    ["POST", "/photos/bulk", "photos:write"],
    ["DELETE", "/photos/trash", "photos:write"],
    ["POST", "/photos/validate", "photos:write"],
  ] as const;

  it.each(routes)("%s %s takes %s", async (method, path, scope) => {
    const url = path.replace("{id}", own);
    const others = ["photos:read", "photos:write", "search", "people", "profile"].filter(
      (each) => each !== scope,
    );
    const authorization = `Bearer ${await test.signer.sign({ scope: others.join(" ") })}`;
    const response = await test.call(url, { method, headers: { authorization } });
    expect(await problemOf(response)).toEqual([403, "SCOPE_REQUIRED"]);
    expect((await fetch(`${test.url}/api/v1${url}`, { method })).status).toBe(401);
    expect(heard()).toBe(0);
  });
});
