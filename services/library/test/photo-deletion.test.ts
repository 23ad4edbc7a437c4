import { newEventId, openDatabase } from "@ocelli/chassis";
import { events, libraryV1 } from "@ocelli/contracts";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createPhotoDeletion } from "../src/photo-deletion.ts";
import type { LibraryTables } from "../src/store/tables.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
let seed = 50_000;
const hour = 3_600_000;

beforeAll(async () => {
  library = await startLibrary({ ingestQueue: 500 }, nativeDatabase);
});
afterAll(() => library?.stop());

const { PHOTO_CHANGE_DELETE, PHOTO_CHANGE_TRASH } = libraryV1.PhotoChange;

async function upload(owner: string, bytes?: Buffer): Promise<libraryV1.Photo> {
  const { photo } = await library.upload(owner, bytes ?? (await jpeg(seed++)));
  if (!photo) throw new Error("no photo");
  return photo;
}

async function change(owner: string, photoIds: string[], what: libraryV1.PhotoChange): Promise<string[]> {
  const bearer = await library.userToken(owner);
  return (await library.photos.changePhotos({ photoIds, change: what }, { bearer, deadline: 60_000 }))
    .photoIds;
}

async function emptyTrash(owner: string): Promise<number> {
  const bearer = await library.userToken(owner);
  return (await library.photos.emptyTrash({}, { bearer, deadline: 60_000 })).deleted;
}

const usageOf = async (owner: string) =>
  (await library.client.getUsage({}, { bearer: await library.userToken(owner) })).usage;

/** Ids that `photo.deleted` was said of, sorted. */
async function deletedOf(owner: string): Promise<string[]> {
  const { rows } = await library.sql.query<{ payload: Buffer }>(
    "select payload from library.outbox where subject = $1",
    [events.photoDeleted.subject],
  );
  return rows
    .map(({ payload }) => events.photoDeleted.message.decode(payload).photo)
    .flatMap((photo) => (photo?.ownerId === owner ? [photo.photoId] : []))
    .sort();
}

/** Photos without files, in the trash for `age`. */
async function insertTrashed(owner: string, count: number, ageMs: number): Promise<string[]> {
  const ids = Array.from({ length: count }, () => newEventId());
  await library.sql.query(
    `insert into library.images (sha256, media_type, width, height, size_bytes)
     select repeat(replace(id, '-', ''), 2), 'image/jpeg', 1, 1, 10 from unnest($1::text[]) id`,
    [ids],
  );
  await library.sql.query(
    `insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at, trashed_at)
     select id::uuid, $2, repeat(replace(id, '-', ''), 2), 'a.jpg', now(), now(), now() - $3 * interval '1 ms' from unnest($1::text[]) id`,
    [ids, owner, ageMs],
  );
  await library.sql.query(
    `insert into library.owner_usage (owner_id, photos, bytes) values ($1, $2::bigint, 10 * $2::bigint)
     on conflict (owner_id) do update
     set photos = owner_usage.photos + excluded.photos, bytes = owner_usage.bytes + excluded.bytes`,
    [owner, count],
  );
  return ids;
}

/** A second replica's rules over the same store. */
function replica() {
  const database = openDatabase<LibraryTables>({ url: library.databaseUrl, schema: "library" });
  const idle = { kick: () => undefined };
  return { database, deletion: createPhotoDeletion({ database, relay: idle, sweeper: idle, eraser: idle }) };
}

describe("deleting for good", () => {
  test("leaves nothing of a photo, and everything of the same bytes to others", async () => {
    const [owner, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const shared = await jpeg(seed++);
    const [own, both, theirs] = [
      await upload(owner),
      await upload(owner, shared),
      await upload(other, shared),
    ];
    const before = await ownedRows(library.databaseUrl, "library", other);
    const files = (await library.files()).length;
    const ids = [own.id, both.id, theirs.id];
    expect((await change(owner, ids, PHOTO_CHANGE_DELETE)).toSorted()).toEqual([own.id, both.id].toSorted());
    expect(await change(owner, ids, PHOTO_CHANGE_DELETE)).toEqual([]);
    await expect.poll(async () => (await library.files()).length).toBe(files - 3);
    await expect.poll(() => library.count("loose_blobs")).toBe(0);
    const left = await ownedRows(library.databaseUrl, "library", owner);
    expect(left).toMatchObject({ photos: 0, photo_stages: 0, album_photos: 0, owner_usage: 1 });
    expect(await usageOf(owner)).toMatchObject({ photos: 0, bytes: 0 });
    expect(await ownedRows(library.databaseUrl, "library", other)).toEqual(before);
    const original = libraryV1.Rendition.RENDITION_ORIGINAL;
    expect((await library.download(other, theirs.id, original)).equals(shared)).toBe(true);
    expect(await deletedOf(owner)).toEqual([own.id, both.id].toSorted());
    expect(await deletedOf(other)).toEqual([]);
  });

  test("makes room for the same photo again", async () => {
    const owner = crypto.randomUUID();
    const bytes = await jpeg(seed++);
    for (let round = 0; round < 3; round++) {
      const { id } = await upload(owner, bytes);
      expect(await usageOf(owner)).toMatchObject({ photos: 1, bytes: bytes.length });
      expect(await change(owner, [id], PHOTO_CHANGE_DELETE)).toEqual([id]);
    }
    await expect.poll(() => library.count("loose_blobs")).toBe(0);
  });

  test("and uploading the same bytes at once never loses a file that is wanted", async () => {
    const owner = crypto.randomUUID();
    const bytes = await jpeg(seed++);
    let { id } = await upload(owner, bytes);
    for (let round = 0; round < 8; round++) {
      await Promise.all([
        change(owner, [id], PHOTO_CHANGE_DELETE),
        library.upload(owner, bytes).catch(() => undefined),
        library.upload(crypto.randomUUID(), bytes),
      ]);
      id = (await upload(owner, bytes)).id;
      const original = libraryV1.Rendition.RENDITION_ORIGINAL;
      expect((await library.download(owner, id, original)).equals(bytes)).toBe(true);
    }
  });

  test("takes a thousand at once, each once, from two sides", async () => {
    const owner = crypto.randomUUID();
    const ids = await insertTrashed(owner, 1000, 0);
    const sides = await Promise.all([
      change(owner, ids, PHOTO_CHANGE_DELETE),
      change(owner, ids.toReversed(), PHOTO_CHANGE_DELETE),
    ]);
    expect(sides.flat().toSorted()).toEqual(ids.toSorted());
    expect(await deletedOf(owner)).toEqual(ids.toSorted());
    expect(await usageOf(owner)).toMatchObject({ photos: 0, bytes: 0 });
  });
});

describe("the trash", () => {
  test("is emptied of its owner's photos and no others", async () => {
    const [owner, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const [kept, thrown] = [await upload(owner), await upload(owner)];
    const theirs = await upload(other);
    await change(owner, [thrown.id], PHOTO_CHANGE_TRASH);
    await change(other, [theirs.id], PHOTO_CHANGE_TRASH);
    const more = await insertTrashed(owner, 450, hour);
    expect(await emptyTrash(owner)).toBe(451);
    expect(await emptyTrash(owner)).toBe(0);
    expect(await deletedOf(owner)).toEqual([thrown.id, ...more].toSorted());
    expect(await usageOf(owner)).toMatchObject({ photos: 1, bytes: kept.sizeBytes });
    expect(await usageOf(other)).toMatchObject({ photos: 1 });
    expect(await deletedOf(other)).toEqual([]);
  });

  test("is purged of what has been there for long enough, once, by however many replicas", async () => {
    const owners = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    const old = await Promise.all(owners.map((owner) => insertTrashed(owner, 170, 2 * hour)));
    const young = await Promise.all(owners.map((owner) => insertTrashed(owner, 5, hour / 2)));
    const replicas = [replica(), replica()];
    const { signal } = new AbortController();
    const counts = await Promise.all(replicas.map(({ deletion }) => deletion.purge(hour, signal)));
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(510);
    for (const [index, owner] of owners.entries()) {
      expect(await deletedOf(owner)).toEqual(old[index]?.toSorted());
      expect(await usageOf(owner)).toMatchObject({ photos: young[index]?.length, bytes: 50 });
    }
    await Promise.all(replicas.map(({ database }) => database.close()));
  });

  test("is purged by the service itself, which keeps what was restored in time", async () => {
    const owner = crypto.randomUUID();
    const [gone, restored] = await insertTrashed(owner, 2, 40 * 24 * hour);
    await change(owner, [restored ?? ""], libraryV1.PhotoChange.PHOTO_CHANGE_RESTORE);
    await library.restart();
    await expect.poll(() => deletedOf(owner), { timeout: 10_000 }).toEqual([gone]);
    expect(await usageOf(owner)).toMatchObject({ photos: 1 });
  });
});
