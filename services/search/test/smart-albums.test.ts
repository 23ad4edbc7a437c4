import { randomUUID, randomUUIDv7 } from "node:crypto";
import { AppError } from "@ocelli/chassis";
import { events, searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type FindingUnderTest, newOwner, startFinding } from "./finding-harness.ts";

let database: EmbeddedDatabase;
let finding: FindingUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  finding = await startFinding(database.url);
});
afterAll(async () => {
  await finding?.stop();
  await database?.close();
});

const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: unknown) => AppError.from(error).reason,
  );
const as = (owner: string) => ({ bearer: owner });
const create = async (owner: string, request: Partial<searchV1.CreateSmartAlbumRequest>) =>
  (
    await finding.smartAlbums.createSmartAlbum(
      searchV1.CreateSmartAlbumRequest.fromPartial({ name: "Cats", query: "label:cat", ...request }),
      as(owner),
    )
  ).smartAlbum;
const list = (owner: string, page: Partial<searchV1.ListSmartAlbumsRequest> = {}) =>
  finding.smartAlbums.listSmartAlbums(searchV1.ListSmartAlbumsRequest.fromPartial(page), as(owner));
const get = async (owner: string, smartAlbumId: string) =>
  (await finding.smartAlbums.getSmartAlbum({ smartAlbumId }, as(owner))).smartAlbum;
const update = async (owner: string, smartAlbum: Partial<searchV1.SmartAlbum>, updateMask?: string[]) =>
  (
    await finding.smartAlbums.updateSmartAlbum(
      { smartAlbum: searchV1.SmartAlbum.fromPartial(smartAlbum), updateMask },
      as(owner),
    )
  ).smartAlbum;
const remove = (owner: string, smartAlbumId: string) =>
  finding.smartAlbums.deleteSmartAlbum({ smartAlbumId }, as(owner));
const photosOf = (owner: string, smartAlbumId: string, page = {}) =>
  finding.smartAlbums.listSmartAlbumPhotos(
    searchV1.ListSmartAlbumPhotosRequest.fromPartial({ smartAlbumId, ...page }),
    as(owner),
  );

/** A photo on which this was seen. */
async function see(owner: string, label: string) {
  const photo = { photoId: randomUUIDv7(), ownerId: owner, sha256: "x" };
  const scene = { labels: [{ label, score: 0.9 }], place: "unknown" };
  await finding.publish(events.photoClassified, { photo, scene });
  return photo;
}

describe("a smart album", () => {
  test("always shows what its search finds now", async () => {
    const owner = newOwner();
    const album = await create(owner, {});
    expect(album).toMatchObject({ name: "Cats", query: "label:cat", count: 0, coverPhotoId: "" });
    const id = album?.id ?? "";
    const cats = [await see(owner, "cat"), await see(owner, "cat")];
    await see(owner, "dog");
    const ids = cats.map(({ photoId }) => photoId).toSorted();
    const found = await get(owner, id);
    expect(found?.count).toBe(2);
    expect(ids).toContain(found?.coverPhotoId);
    const { hits } = await photosOf(owner, id);
    expect(hits.map(({ photoId }) => photoId).toSorted()).toEqual(ids);
    const first = await photosOf(owner, id, { pageSize: 1 });
    const second = await photosOf(owner, id, { pageSize: 1, pageToken: first.nextPageToken });
    expect([...first.hits, ...second.hits].map(({ photoId }) => photoId).toSorted()).toEqual(ids);
    if (cats[0]) await finding.publish(events.photoDeleted, { photo: cats[0] });
    expect((await get(owner, id))?.count).toBe(1);
  });

  test("counts no further than 500", async () => {
    const owner = newOwner();
    const rows = Array.from({ length: 510 }, () => ({
      photo_id: randomUUIDv7(),
      ...{ owner_id: owner, sha256: "x", labels: ["cat"] },
    }));
    await finding.host.database.db.insertInto("documents").values(rows).execute();
    expect((await create(owner, {}))?.count).toBe(500);
  });

  test("is made once per request", async () => {
    const owner = newOwner();
    const requestId = randomUUID();
    const albums = await Promise.all([1, 2, 3].map(() => create(owner, { requestId })));
    expect(new Set(albums.map((album) => album?.id)).size).toBe(1);
    expect((await list(owner)).smartAlbums).toHaveLength(1);
    expect((await create(newOwner(), { requestId }))?.id).not.toBe(albums[0]?.id);
  });

  test("is changed where the mask says", async () => {
    const owner = newOwner();
    const album = await create(owner, {
      filter: searchV1.SearchFilter.fromPartial({ labels: ["cat"] }),
    });
    const id = album?.id ?? "";
    expect(await update(owner, { id, name: "Pets", query: "ignored" }, ["name"])).toMatchObject({
      name: "Pets",
      query: "label:cat",
    });
    expect(await update(owner, { id, query: "label:dog" })).toMatchObject({
      name: "Pets",
      query: "label:dog",
      filter: { labels: ["cat"] },
    });
    expect((await update(owner, { id }, ["filter"]))?.filter).toBeUndefined();
    expect(await reasonOf(update(owner, { id, name: "x" }, ["owner_id"]))).toBe("INVALID_UPDATE_MASK");
    expect(await reasonOf(update(owner, { id }, ["query"]))).toBe("INVALID_QUERY");
    expect((await get(owner, id))?.query).toBe("label:dog");
  });

  test("is its owner's alone", async () => {
    const [owner, stranger] = [newOwner(), newOwner()];
    const id = (await create(owner, {}))?.id ?? "";
    for (const each of [id, randomUUID(), "1 or true"]) {
      expect(await reasonOf(get(stranger, each))).toBe("SMART_ALBUM_NOT_FOUND");
      expect(await reasonOf(update(stranger, { id: each, name: "Mine" }))).toBe("SMART_ALBUM_NOT_FOUND");
      expect(await reasonOf(remove(stranger, each))).toBe("SMART_ALBUM_NOT_FOUND");
      expect(await reasonOf(photosOf(stranger, each))).toBe("SMART_ALBUM_NOT_FOUND");
    }
    expect((await list(stranger)).smartAlbums).toEqual([]);
    await remove(owner, id);
    expect(await reasonOf(get(owner, id))).toBe("SMART_ALBUM_NOT_FOUND");
  });

  test("has a name and a search that can be run", async () => {
    const owner = newOwner();
    for (const name of ["", "  ", "x".repeat(101), "a\0b", "a\nb", "x".repeat(1_000_000)])
      expect(await reasonOf(create(owner, { name }))).toBe("INVALID_NAME");
    expect(await reasonOf(create(owner, { query: "" }))).toBe("INVALID_QUERY");
    expect(await reasonOf(create(owner, { query: "x".repeat(501) }))).toBe("INVALID_QUERY");
    const filter = searchV1.SearchFilter.fromPartial({ personIds: Array(21).fill(randomUUID()) });
    expect(await reasonOf(create(owner, { filter }))).toBe("INVALID_FILTER");
    expect(await reasonOf(create(owner, { requestId: "1" }))).toBe("INVALID_REQUEST_ID");
    expect((await list(owner)).smartAlbums).toEqual([]);
    expect((await create(owner, { name: " 🐈".repeat(50) }))?.name).toHaveLength(149);
  });

  test("goes with its owner", async () => {
    const owner = newOwner();
    await create(owner, {});
    await finding.publish(events.userDeleted, { userId: owner });
    expect((await list(owner)).smartAlbums).toEqual([]);
    expect(await reasonOf(create(owner, {}))).toBe("SMART_ALBUM_NOT_FOUND");
  });
});

test("smart albums come twenty to a page at most, since each costs a search", async () => {
  const owner = newOwner();
  const now = new Date();
  const rows = Array.from({ length: 25 }, (_, index) => ({
    ...{ id: randomUUIDv7(), owner_id: owner, name: `album ${index}`, query: "label:cat" },
    ...{ filter: Buffer.alloc(0), created_at: now, updated_at: now, request_id: null },
  }));
  await finding.host.database.db.insertInto("smart_albums").values(rows).execute();
  const first = await list(owner, { pageSize: 1000 });
  expect(first.smartAlbums).toHaveLength(20);
  expect((await list(owner, { pageToken: first.nextPageToken })).smartAlbums).toHaveLength(5);
});

test("smart albums come by name, page by page, and are at most 500", async () => {
  const owner = newOwner();
  for (const name of ["beta", "Alpha", "Ärger", "alpha", "gamma"]) await create(owner, { name });
  const names: string[] = [];
  let pageToken = "";
  do {
    const page = await list(owner, { pageSize: 2, pageToken });
    names.push(...page.smartAlbums.map(({ name }) => name));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  expect(names.map((name) => name.toLowerCase())).toEqual(["alpha", "alpha", "beta", "gamma", "ärger"]);
  expect(await reasonOf(list(owner, { pageSize: -1 }))).toBe("INVALID_PAGE_SIZE");
  expect(await reasonOf(list(owner, { pageToken: "e30" }))).toBe("INVALID_PAGE_TOKEN");
  const now = new Date();
  const rows = Array.from({ length: 495 }, (_, index) => ({
    ...{ id: randomUUIDv7(), owner_id: owner, name: `album ${index}`, query: "cat", filter: Buffer.alloc(0) },
    ...{ created_at: now, updated_at: now, request_id: null },
  }));
  await finding.host.database.db.insertInto("smart_albums").values(rows).execute();
  expect(await reasonOf(create(owner, {}))).toBe("TOO_MANY_SMART_ALBUMS");
});

describe("suggestions", () => {
  const owner = newOwner();
  const suggest = async (prefix: string, limit = 0, who = owner) =>
    (await finding.search.suggest({ prefix, limit }, as(who))).suggestions;
  const texts = async (prefix: string) => (await suggest(prefix)).map(({ kind, text }) => `${kind} ${text}`);

  beforeAll(async () => {
    const photos = [];
    for (const label of ["cat", "cat", "catamaran", "bobcat", "traffic light"])
      photos.push(await see(owner, label));
    const photo = { photoId: randomUUIDv7(), ownerId: owner, sha256: "x" };
    const place = { city: "São Paulo", region: "São Paulo", country: "Brazil" };
    await finding.publish(events.photoReady, { photo, filename: "a", ...place, camera: "Canon EOS R6" });
    const ids = [photo.photoId];
    const person = async (name: string, hidden: boolean, more = {}) => {
      const personId = randomUUID();
      const message = { ownerId: owner, personId, name, hidden, revision: 1, ...more };
      await finding.publish(events.personChanged, message);
      return personId;
    };
    const persons = [
      await person("Catherine", false),
      await person("Carla Hidden", true),
      await person('Anna "Cat" O\'Neil', false),
      await person("Carl Deleted", false, { deleted: true }),
    ];
    await finding.publish(events.photoGrouped, { photo, personIds: persons, revision: 1 });
    await person("Caspar Nowhere", false);
    const album = { albumId: randomUUID(), ownerId: owner };
    await finding.publish(events.albumChanged, { ...album, name: "Carnival in Rio", revision: 1 });
    await finding.publish(events.albumPhotosChanged, { ...album, addedPhotoIds: ids, revision: 2 });
    await finding.settle();
  });

  test("begin as was typed, or have a word that does; what is on more photos comes first", async () => {
    expect(await suggest("cat")).toEqual([
      { kind: "label", text: "cat", query: 'label:"cat"', count: 2 },
      { kind: "person", text: "Catherine", query: 'person:"Catherine"', count: 1 },
      { kind: "label", text: "catamaran", query: 'label:"catamaran"', count: 1 },
      {
        kind: "person",
        text: 'Anna "Cat" O\'Neil',
        query: 'person:"Anna  Cat  O\'Neil"',
        count: 1,
      },
    ]);
    expect(await texts("li")).toEqual(["label traffic light"]);
    expect(await texts("rio")).toEqual(["album Carnival in Rio"]);
    expect(await texts("eos r")).toEqual(["camera Canon EOS R6"]);
  });

  test("pass over case and accents", async () => {
    for (const typed of ["sao p", "SÃO P", "São P", "Sa\u0303o   p"])
      expect(await texts(typed)).toEqual(["place São Paulo"]);
  });

  test("leave out persons who are hidden, gone, or on no photo", async () => {
    expect(await texts("car")).toEqual(["album Carnival in Rio"]);
    expect(await texts("cas")).toEqual([]);
  });

  test("are of those on the most photos, however many others come before them in the alphabet", async () => {
    const collector = newOwner();
    const photos = await Promise.all(["tree", "tree", "tree"].map((label) => see(collector, label)));
    const message = { ownerId: collector, revision: 1 };
    const named = async (name: string, on: typeof photos) => {
      const [personId, albumId] = [randomUUID(), randomUUID()];
      await finding.publish(events.personChanged, { ...message, personId, name });
      await finding.publish(events.albumChanged, { ...message, albumId, name });
      const addedPhotoIds = on.map(({ photoId }) => photoId);
      await finding.publish(events.albumPhotosChanged, { ...message, albumId, addedPhotoIds });
      return personId;
    };
    for (let n = 0; n < 12; n++) await named(`Anna A${n}`, []);
    const once = await named("Anna B", photos.slice(0, 1));
    const often = await named("Anna Z", photos);
    for (const [n, photo] of photos.entries()) {
      const personIds = n === 0 ? [once, often] : [often];
      await finding.publish(events.photoGrouped, { photo, personIds, revision: 1 });
    }
    await finding.settle();
    const said = (await suggest("anna", 4, collector)).map(
      ({ kind, text, count }) => `${kind} ${text} ${count}`,
    );
    expect(said).toEqual(["person Anna Z 3", "album Anna Z 3", "person Anna B 1", "album Anna B 1"]);
    expect((await suggest("anna", 1, collector)).map(({ text }) => text)).toEqual(["Anna Z"]);
  });

  test("are one's own", async () => {
    expect(await suggest("cat", 0, newOwner())).toEqual([]);
  });

  test("take anything that is typed for text", async () => {
    for (const typed of ["%", "_", "\\", "cat%", "' or true --", "\0", "💥", "c_t", "(", "[a-z]"])
      for (const { text } of await suggest(typed)) expect(text.toLowerCase()).toContain("cat");
    expect(await reasonOf(suggest(""))).toBe("INVALID_PREFIX");
    expect(await reasonOf(suggest("   "))).toBe("INVALID_PREFIX");
    expect(await reasonOf(suggest("x".repeat(101)))).toBe("INVALID_PREFIX");
    expect(await reasonOf(suggest("x".repeat(1_000_000)))).toBe("INVALID_PREFIX");
    expect(await reasonOf(suggest("c", -1))).toBe("INVALID_LIMIT");
    expect(await suggest("c", 2)).toHaveLength(2);
  });
});
