import { libraryV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, expect, test } from "vitest";
import { albumClients, reasonOf } from "./album-clients.ts";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

const { AlbumPhotosFate } = libraryV1;
let library: LibraryUnderTest;
let [ada, ben, eve] = ["", "", ""];
const { as, make, upload } = albumClients(() => library);

beforeAll(async () => {
  library = await startLibrary({ maxAlbums: 40 });
  [ada, ben, eve] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
});
afterAll(() => library?.stop());

async function get(user: string, albumId: string) {
  return library.albums.getAlbum({ albumId }, await as(user));
}

async function names(user: string, request: { parentId?: string; shared?: boolean; pageSize?: number }) {
  const found: string[] = [];
  for (let pageToken = "", first = true; first || pageToken !== ""; first = false) {
    const page = await library.albums.listAlbums({ ...request, pageToken }, await as(user));
    found.push(...page.albums.map(({ name }) => name));
    pageToken = page.nextPageToken;
  }
  return found;
}

let nextPicture = 100_000;

test("albums nest, are listed by name in pages, and count what they hold", async () => {
  const top = await make(ada, "Journeys");
  for (const name of ["b", "A", "c", "D", "e"]) await make(ada, name, top);
  expect(await names(ada, { parentId: top, pageSize: 2 })).toEqual(["A", "b", "c", "D", "e"]);
  const inner = await make(ada, "inner", top);
  const [first, second] = [await upload(ada, inner), await upload(ada)];
  const added = await library.albums.addAlbumPhotos(
    { albumId: inner, photoIds: [second, first] },
    await as(ada),
  );
  expect(added.photoIds).toEqual([first, second].sort());
  const { album, ancestors } = await get(ada, inner);
  expect(album).toMatchObject({ photoCount: 2, coverPhotoId: second, role: "owner", parentId: top });
  expect(ancestors.map(({ name }) => name)).toEqual(["Journeys"]);
  expect((await get(ada, top)).album).toMatchObject({ albumCount: 6, photoCount: 0, coverPhotoId: "" });

  const chosen = { albumId: inner, coverPhotoId: first, updateMask: ["cover_photo_id"] };
  expect((await library.albums.updateAlbum(chosen, await as(ada))).album?.coverPhotoId).toBe(first);
  await library.albums.removeAlbumPhotos({ albumId: inner, photoIds: [first] }, await as(ada));
  expect((await get(ada, inner)).album).toMatchObject({ photoCount: 1, coverPhotoId: second });
  expect(await reasonOf(library.albums.updateAlbum(chosen, await as(ada)))).toBe("INVALID_ALBUM");
});

test("a request made twice makes one album; limits hold", async () => {
  const requestId = crypto.randomUUID();
  const request = { name: "once", requestId };
  const made = await Promise.all(
    Array.from({ length: 5 }, async () => library.albums.createAlbum(request, await as(ben))),
  );
  expect(new Set(made.map(({ album }) => album?.id)).size).toBe(1);
  let deepest = "";
  for (let depth = 0; depth < 10; depth += 1) deepest = await make(ben, `level ${depth}`, deepest);
  expect(await reasonOf(make(ben, "too deep", deepest))).toBe("TOO_DEEP");
  for (let n = 0; n < 29; n += 1) await make(ben, `album ${n}`);
  expect(await reasonOf(make(ben, "too many"))).toBe("TOO_MANY_ALBUMS");
  for (const bad of [
    { name: "" },
    { name: " \t " },
    { name: "x".repeat(201) },
    { name: "a\0b" },
    { name: "ok", description: "\0" },
    { name: "ok", description: "x".repeat(5001) },
    { name: "ok", requestId: "no uuid" },
  ]) {
    expect(await reasonOf(library.albums.createAlbum(bad, await as(ada)))).toBe("INVALID_ALBUM");
  }
});

test("an upload goes into an album in its own transaction, duplicates too", async () => {
  const album = await make(ada, "uploads");
  const bytes = await jpeg(nextPicture++);
  const { photo, duplicate } = await library.upload(ada, bytes, {});
  expect(duplicate).toBe(false);
  const again = await library.upload(ada, bytes, { albumId: album });
  expect(again).toMatchObject({ duplicate: true, photo: { id: photo?.id, albumIds: [album] } });
  const first = await library.upload(ada, await jpeg(nextPicture++), { albumId: album });
  expect(first).toMatchObject({ duplicate: false, photo: { albumIds: [album] } });
  await library.albums.removeAlbumPhotos(
    { albumId: album, photoIds: [first.photo?.id ?? ""] },
    await as(ada),
  );
  const fresh = await upload(ada, album);
  const { photos } = await library.client.listPhotos({ filter: { albumId: album } }, await as(ada));
  expect(photos.map(({ id }) => id).sort()).toEqual([photo?.id, fresh].sort());
  const before = await library.count("photos");
  for (const albumId of ["nonsense", crypto.randomUUID(), await make(eve, "hers")]) {
    const refused = library.upload(ada, await jpeg(nextPicture++), { albumId });
    expect(await reasonOf(refused)).toBe("ALBUM_NOT_FOUND");
  }
  expect(await library.count("photos")).toBe(before);
});

test("deleting an album keeps, hides or trashes photos that lie nowhere else", async () => {
  for (const [fate, expected] of [
    [AlbumPhotosFate.ALBUM_PHOTOS_FATE_KEEP, { hidden: false, trashed: false, photos: 0 }],
    [AlbumPhotosFate.ALBUM_PHOTOS_FATE_ARCHIVE, { hidden: true, trashed: false, photos: 2 }],
    [AlbumPhotosFate.ALBUM_PHOTOS_FATE_TRASH, { hidden: false, trashed: true, photos: 2 }],
  ] as const) {
    const [album, other] = [await make(ada, "doomed"), await make(ada, "stays")];
    const below = await make(ada, "below", album);
    const [own, deep, both] = [await upload(ada, album), await upload(ada, below), await upload(ada, album)];
    await library.albums.addAlbumPhotos({ albumId: other, photoIds: [both] }, await as(ada));
    await library.albums.addAlbumPhotos({ albumId: below, photoIds: [own] }, await as(ada));
    const gone = await library.albums.deleteAlbum({ albumId: album, photos: fate }, await as(ada));
    expect(gone).toEqual({ albums: 2, photos: expected.photos });
    for (const photoId of [own, deep]) {
      const { photo } = await library.client.getPhoto({ photoId }, await as(ada));
      expect(photo?.hidden).toBe(expected.hidden);
      expect(photo?.trashedAt !== undefined).toBe(expected.trashed);
    }
    const { photo } = await library.client.getPhoto({ photoId: both }, await as(ada));
    expect(photo).toMatchObject({ hidden: false, trashedAt: undefined, albumIds: [other] });
    expect(await reasonOf(get(ada, below))).toBe("ALBUM_NOT_FOUND");
    await library.albums.deleteAlbum({ albumId: other }, await as(ada));
  }
});
