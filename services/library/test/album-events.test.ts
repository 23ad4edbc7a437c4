import { events, eventsV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { albumClients } from "./album-clients.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
const clients = albumClients(() => library);
const { as, make, upload, share } = clients;
let maria: string;
let tom: string;

beforeAll(async () => {
  // Where transactions really run side by side.
  library = await startLibrary({}, nativeDatabase);
});
afterAll(() => library?.stop());
beforeEach(() => {
  [maria, tom] = [crypto.randomUUID(), crypto.randomUUID()];
});

interface Told {
  owner: string;
  added: string[];
  removed: string[];
  revision: number;
}

async function payloads(subject: string): Promise<Buffer[]> {
  const query = "select payload from library.outbox where subject = $1 order by id";
  return (await library.sql.query<{ payload: Buffer }>(query, [subject])).rows.map(({ payload }) => payload);
}

/** What was told of the content of an album, oldest first. */
async function contentOf(albumId: string): Promise<Told[]> {
  const all = (await payloads(events.albumPhotosChanged.subject)).map((bytes) =>
    eventsV1.AlbumPhotosChanged.decode(bytes),
  );
  return all
    .filter((each) => each.albumId === albumId)
    .map(({ ownerId, addedPhotoIds, removedPhotoIds, revision }) => ({
      owner: ownerId,
      added: addedPhotoIds.toSorted(),
      removed: removedPhotoIds.toSorted(),
      revision,
    }));
}

/** What was told of an album itself, oldest first. */
async function toldOf(albumId: string): Promise<eventsV1.AlbumChanged[]> {
  const all = (await payloads(events.albumChanged.subject)).map((bytes) =>
    eventsV1.AlbumChanged.decode(bytes),
  );
  return all.filter((each) => each.albumId === albumId);
}

/** Who finds which photos in an album, by what was told: of two events the one with the greater revision counts. */
async function heardOf(albumId: string): Promise<Record<string, string[]>> {
  const heard: Record<string, string[]> = {};
  const told = (await contentOf(albumId)).toSorted((a, b) => a.revision - b.revision);
  for (const { owner, added, removed } of told) {
    const left = (heard[owner] ?? []).filter((id) => !removed.includes(id));
    heard[owner] = [...new Set([...left, ...added])].toSorted();
  }
  return heard;
}

async function add(user: string, albumId: string, photoIds: string[]): Promise<void> {
  await library.albums.addAlbumPhotos({ albumId, photoIds }, await as(user));
}

async function remove(user: string, albumId: string, photoIds: string[]): Promise<void> {
  await library.albums.removeAlbumPhotos({ albumId, photoIds }, await as(user));
}

describe("an album", () => {
  test("is told of when it is made, renamed and deleted, with those below it", async () => {
    const top = await make(maria, "Trips");
    const below = await make(maria, "Crete", top);
    await library.albums.updateAlbum(
      { albumId: below, name: "Kriti", updateMask: ["name"] },
      await as(maria),
    );
    await library.albums.updateAlbum(
      { albumId: below, description: "Sea", updateMask: ["description"] },
      await as(maria),
    );
    await library.albums.deleteAlbum({ albumId: top }, await as(maria));
    const [made, renamed, gone, ...more] = await toldOf(below);
    expect([made, renamed, gone].map((each) => [each?.name, each?.deleted, each?.ownerId])).toEqual([
      ["Crete", false, maria],
      ["Kriti", false, maria],
      ["Kriti", true, maria],
    ]);
    expect(more).toEqual([]);
    const revisions = [made, renamed, gone].map((each) => each?.revision ?? 0);
    expect(revisions).toEqual(revisions.toSorted((a, b) => a - b));
    expect(new Set(revisions).size).toBe(3);
    expect((await toldOf(top)).map(({ deleted }) => deleted)).toEqual([false, true]);
  });

  test("made twice by one request is told of once", async () => {
    const requestId = crypto.randomUUID();
    const [one] = await Promise.all(
      [0, 1].map(async () => library.albums.createAlbum({ name: "Once", requestId }, await as(maria))),
    );
    expect(await toldOf(one?.album?.id ?? "")).toHaveLength(1);
  });
});

describe("the photos of an album", () => {
  test("are told of where something changes, and only there", async () => {
    const albumId = await make(maria, "Album");
    const [a, b] = [await upload(maria), await upload(maria, albumId)];
    await add(maria, albumId, [a, b, crypto.randomUUID()]);
    await add(maria, albumId, [a, b]);
    await remove(maria, albumId, [b]);
    await remove(maria, albumId, [b]);
    const told = await contentOf(albumId);
    expect(told.map(({ revision, ...each }) => each)).toEqual([
      { owner: maria, added: [b], removed: [] },
      { owner: maria, added: [a], removed: [] },
      { owner: maria, added: [], removed: [b] },
    ]);
    const revisions = told.map(({ revision }) => revision);
    expect(revisions).toEqual([...new Set(revisions)].toSorted((x, y) => x - y));
  });

  test("come in with an upload, also with one of bytes that were there, after the photo itself", async () => {
    const albumId = await make(maria, "Album");
    const bytes = await jpeg(9_001);
    const { photo } = await library.upload(maria, bytes);
    const id = photo?.id ?? "";
    expect((await library.upload(maria, bytes, { albumId })).duplicate).toBe(true);
    const fresh = await upload(maria, albumId);
    expect(await heardOf(albumId)).toEqual({ [maria]: [id, fresh].toSorted() });
    const { rows } = await library.sql.query<{ subject: string }>(
      "select subject from library.outbox where position($1::bytea in payload) > 0 order by id",
      [Buffer.from(fresh)],
    );
    expect(rows.map(({ subject }) => subject)).toEqual([
      events.photoReady.subject,
      events.albumPhotosChanged.subject,
    ]);
  });

  test("are told of to their owners, each of their own", async () => {
    const albumId = await make(maria, "Shared");
    await share(maria, albumId, tom, "contributor");
    const [hers, his] = [await upload(maria, albumId), await upload(tom, albumId)];
    expect(await heardOf(albumId)).toEqual({ [maria]: [hers], [tom]: [his] });
    await library.albums.unshareAlbum({ albumId, userId: tom }, await as(maria));
    expect(await heardOf(albumId)).toEqual({ [maria]: [hers], [tom]: [] });
  });

  test("of others leave with the album; those of its owner, as the album says", async () => {
    const folder = await make(maria, "Folder");
    const albumId = await make(maria, "Album", folder);
    await share(maria, folder, tom, "contributor");
    const [hers, his] = [await upload(maria, albumId), await upload(tom, albumId)];
    await library.albums.deleteAlbum({ albumId: folder }, await as(maria));
    expect(await heardOf(albumId)).toEqual({ [maria]: [hers], [tom]: [] });
    expect((await toldOf(albumId)).at(-1)?.revision).toBeGreaterThan(
      (await contentOf(albumId)).at(-1)?.revision ?? Number.POSITIVE_INFINITY,
    );
    expect(his).not.toBe("");
  });

  test("of others leave when its owner's account is deleted, or given to somebody else", async () => {
    const albumId = await make(maria, "Album");
    await share(maria, albumId, tom, "contributor");
    const his = await upload(tom, albumId);
    await library.publish(events.userDispossessed, { userId: maria });
    expect(await heardOf(albumId)).toEqual({ [tom]: [] });
    const other = await make(maria, "Other");
    await share(maria, other, tom, "contributor");
    await add(tom, other, [his]);
    await library.publish(events.userDeleted, { userId: maria });
    expect(await heardOf(other)).toEqual({ [tom]: [] });
    expect(await toldOf(other)).toEqual([]);
  });

  test("are told of in pieces of 500", async () => {
    const albumId = await make(maria, "Album");
    await library.sql.query(
      `insert into library.images (sha256, media_type, width, height, size_bytes)
       select 'many' || n, 'image/jpeg', 1, 1, 1 from generate_series(1, 1000) n`,
    );
    const { rows } = await library.sql.query<{ id: string }>(
      `insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at)
       select gen_random_uuid(), $1, 'many' || n, 'a.jpg', now(), now() from generate_series(1, 1000) n returning id`,
      [maria],
    );
    await add(
      maria,
      albumId,
      rows.map(({ id }) => id),
    );
    const told = await contentOf(albumId);
    expect(told.map(({ added }) => added.length)).toEqual([500, 500]);
    expect(new Set(told.flatMap(({ added }) => added)).size).toBe(1000);
    expect(new Set(told.map(({ revision }) => revision)).size).toBe(1);
  });

  test("changed by many at once are told of in the order in which they changed", async () => {
    const albumId = await make(maria, "Album");
    await share(maria, albumId, tom, "contributor");
    const photos = await Promise.all([maria, maria, tom].map((user) => upload(user)));
    const work = Array.from({ length: 150 }, (_, n) => {
      const user = n % 2 === 0 ? maria : tom;
      return n % 4 < 2 ? add(user, albumId, photos) : remove(maria, albumId, photos);
    });
    await Promise.all(work);
    const told = (await contentOf(albumId)).toSorted((a, b) => a.revision - b.revision);
    expect(told.length).toBeGreaterThan(10);
    const { rows } = await library.sql.query<{ id: string }>(
      "select photo_id as id from library.album_photos where album_id = $1",
      [albumId],
    );
    for (const id of photos) {
      const changes = told.flatMap(({ added, removed }) => [
        ...(added.includes(id) ? ["in"] : []),
        ...(removed.includes(id) ? ["out"] : []),
      ]);
      expect(changes).toEqual(changes.map((_, index) => (index % 2 === 0 ? "in" : "out")));
      expect(changes.at(-1) === "in").toBe(rows.some((row) => row.id === id));
    }
  });
});
