import { events, libraryV1 } from "@ocelli/contracts";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { albumClients, reasonOf } from "./album-clients.ts";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { picture } from "./photos-for-tests.ts";

const { RENDITION_ORIGINAL, RENDITION_PREVIEW } = libraryV1.Rendition;
const { AlbumPhotosFate } = libraryV1;
let library: LibraryUnderTest;
const { as, make, upload, share } = albumClients(() => library);
const people = {
  owner: crypto.randomUUID(),
  contributor: crypto.randomUUID(),
  viewer: crypto.randomUUID(),
  stranger: crypto.randomUUID(),
};
type Person = keyof typeof people;
const everybody = ["owner", "contributor", "viewer", "stranger"] as const;

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

/** An album below a shared one: what is allowed in it is inherited. */
async function sharedTree() {
  const { owner, contributor, viewer } = people;
  const top = await make(owner, "shared");
  const album = await make(owner, "below", top);
  await share(owner, top, contributor, "contributor");
  await share(owner, top, viewer, "viewer");
  const photo = await upload(owner, album);
  return { top, album, photo };
}

const denied = "ALBUM_ROLE_REQUIRED";
const unknown = "ALBUM_NOT_FOUND";
const forOwner = ["accepted", denied, denied, unknown];
const forMembers = ["accepted", "accepted", "accepted", unknown];

interface Scene {
  album: string;
  top: string;
  photo: string;
  linkId: string;
  me: string;
  options: { bearer: string };
}

/** What each method answers owner, contributor, viewer and stranger. */
const matrix: Record<string, { expected: string[]; call: (scene: Scene) => Promise<unknown> }> = {
  getAlbum: {
    expected: forMembers,
    call: ({ album, options }) => library.albums.getAlbum({ albumId: album }, options),
  },
  listAlbums: {
    expected: forMembers,
    call: ({ top, options }) => library.albums.listAlbums({ parentId: top }, options),
  },
  listPhotos: {
    expected: forMembers,
    call: ({ album, options }) => library.client.listPhotos({ filter: { albumId: album } }, options),
  },
  getPhoto: {
    expected: ["accepted", "accepted", "accepted", "PHOTO_NOT_FOUND"],
    call: ({ photo, options }) => library.client.getPhoto({ photoId: photo }, options),
  },
  createAlbum: {
    expected: forOwner,
    call: ({ album, options }) => library.albums.createAlbum({ name: "x", parentId: album }, options),
  },
  updateAlbum: {
    expected: forOwner,
    call: ({ album, options }) => library.albums.updateAlbum({ albumId: album, name: "y" }, options),
  },
  addAlbumPhotos: {
    expected: ["accepted", "accepted", denied, unknown],
    call: ({ album, photo, options }) =>
      library.albums.addAlbumPhotos({ albumId: album, photoIds: [photo] }, options),
  },
  uploadPhoto: {
    expected: ["accepted", "accepted", denied, unknown],
    call: ({ album, me }) => upload(me, album),
  },
  removeAlbumPhotos: {
    expected: forMembers,
    call: ({ album, options }) =>
      library.albums.removeAlbumPhotos({ albumId: album, photoIds: [crypto.randomUUID()] }, options),
  },
  shareAlbum: {
    expected: forOwner,
    call: ({ album, options }) =>
      library.albums.shareAlbum({ albumId: album, userId: crypto.randomUUID(), role: "viewer" }, options),
  },
  listAlbumShares: {
    expected: forOwner,
    call: ({ album, options }) => library.albums.listAlbumShares({ albumId: album }, options),
  },
  unshareAlbum: {
    expected: ["SHARE_NOT_FOUND", denied, denied, unknown],
    call: ({ album, options }) =>
      library.albums.unshareAlbum({ albumId: album, userId: crypto.randomUUID() }, options),
  },
  createAlbumLink: {
    expected: forOwner,
    call: ({ album, options }) => library.albums.createAlbumLink({ albumId: album }, options),
  },
  listAlbumLinks: {
    expected: forOwner,
    call: ({ album, options }) => library.albums.listAlbumLinks({ albumId: album }, options),
  },
  deleteAlbumLink: {
    expected: ["LINK_NOT_FOUND", denied, denied, unknown],
    call: ({ album, options }) =>
      library.albums.deleteAlbumLink({ albumId: album, linkId: crypto.randomUUID() }, options),
  },
  // What belongs to the owner of a photo stays theirs, however the photo is shared.
  trashAlbum: {
    expected: ["accepted", denied, denied, unknown],
    call: ({ album, options }) =>
      library.albums.deleteAlbum(
        { albumId: album, photos: AlbumPhotosFate.ALBUM_PHOTOS_FATE_TRASH },
        options,
      ),
  },
};

describe("who may do what", () => {
  test.each(Object.keys(matrix))("%s", async (method) => {
    const { expected = [], call } = matrix[method] ?? {};
    const answers: string[] = [];
    for (const person of everybody) {
      const scene = {
        ...(await sharedTree()),
        linkId: "",
        me: people[person],
        options: await as(people[person]),
      };
      answers.push(call ? await reasonOf(call(scene)) : "");
    }
    expect(answers).toEqual(expected);
  });
});

test("contributors add their own photos only, and take out their own only", async () => {
  const { owner, contributor, viewer } = people;
  const { album, photo } = await sharedTree();
  const own = await upload(contributor);
  const notTheirs = await upload(owner);
  const add = { albumId: album, photoIds: [own, notTheirs, crypto.randomUUID(), "nonsense"] };
  expect((await library.albums.addAlbumPhotos(add, await as(contributor))).photoIds).toEqual([own]);
  const both = { albumId: album, photoIds: [own, photo] };
  expect((await library.albums.removeAlbumPhotos(both, await as(viewer))).photoIds).toEqual([]);
  expect((await library.albums.removeAlbumPhotos(both, await as(contributor))).photoIds).toEqual([own]);
  await library.albums.addAlbumPhotos(add, await as(contributor));
  const taken = await library.albums.removeAlbumPhotos(both, await as(owner));
  expect(taken.photoIds).toEqual([own, photo].sort());
});

test("members see a photo without where it was taken, its owner sees all", async () => {
  const { owner, viewer } = people;
  const { album } = await sharedTree();
  const bytes = await picture(77)
    .withExif({
      IFD0: { Make: "Nikon", Copyright: "Ada" },
      IFD3: {
        GPSLatitudeRef: "N",
        GPSLatitude: "38/1 43/1 0/1",
        GPSLongitudeRef: "W",
        GPSLongitude: "9/1 8/1 0/1",
      },
    })
    .jpeg()
    .toBuffer();
  const stored = await library.upload(owner, bytes, { albumId: album });
  const photoId = stored.photo?.id ?? "";
  const mine = (await library.client.getPhoto({ photoId }, await as(owner))).photo;
  expect(mine?.location?.latitude).toBeCloseTo(38.7, 1);
  expect(mine?.exifJson).toContain("latitude");
  const page = await library.client.listPhotos({ filter: { albumId: album } }, await as(viewer));
  const listed = page.photos.find(({ id }) => id === photoId);
  for (const theirs of [(await library.client.getPhoto({ photoId }, await as(viewer))).photo, listed]) {
    expect(theirs).toMatchObject({ ownerId: owner, location: undefined, favorite: false, albumIds: [] });
    expect(theirs?.exifJson).toContain("Nikon");
    expect(theirs?.exifJson).not.toMatch(/latitude|longitude|Ada/);
  }
  expect((await library.download(owner, photoId, RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
  const clean = await library.download(viewer, photoId, RENDITION_ORIGINAL);
  expect(clean.includes("Nikon") || clean.includes("Exif")).toBe(false);
  expect((await library.download(viewer, photoId, RENDITION_PREVIEW)).length).toBeGreaterThan(100);
});

test("what is kept from members is not found out by filters: neither where a photo was taken nor favourites", async () => {
  const { owner, contributor, viewer } = people;
  const { album } = await sharedTree();
  const taken = { GPSLatitudeRef: "N", GPSLatitude: "38/1 43/1 0/1", GPSLongitudeRef: "W" };
  const inLisbon = (seed: number) =>
    picture(seed)
      .withExif({ IFD3: { ...taken, GPSLongitude: "9/1 8/1 0/1" } })
      .jpeg()
      .toBuffer();
  const [ours, theirs] = await Promise.all([
    library.upload(owner, await inLisbon(78), { albumId: album }),
    library.upload(contributor, await inLisbon(79), { albumId: album }),
  ]).then((stored) => stored.map(({ photo }) => photo?.id ?? ""));
  const favorite = { photoIds: [ours ?? ""], change: libraryV1.PhotoChange.PHOTO_CHANGE_FAVORITE };
  await library.photos.changePhotos(favorite, await as(owner));
  const found = async (user: string, filter: { place?: string; favorite?: boolean }) => {
    const request = libraryV1.ListPhotosRequest.fromPartial({ filter: { albumId: album, ...filter } });
    const { photos } = await library.client.listPhotos(request, await as(user));
    return [ours, theirs].filter((id) => photos.some((photo) => photo.id === id));
  };

  expect(await found(owner, { place: "Portugal" })).toEqual([ours]);
  expect(await found(contributor, { place: "Portugal" })).toEqual([theirs]);
  expect(await found(viewer, { place: "Portugal" })).toEqual([]);
  expect(await found(owner, { favorite: true })).toEqual([ours]);
  expect(await found(owner, { favorite: false })).toEqual([theirs]);
  expect(await found(viewer, { favorite: true })).toEqual([]);
  expect(await found(viewer, { favorite: false })).toEqual([ours, theirs]);
});

test("hidden and trashed photos are their owner's alone", async () => {
  const { owner, viewer } = people;
  for (const column of ["hidden = true", "trashed_at = now()"]) {
    const { album, photo } = await sharedTree();
    await library.sql.query(`update library.photos set ${column} where id = '${photo}'`);
    const look = library.client.getPhoto({ photoId: photo }, await as(viewer));
    expect(await reasonOf(look)).toBe("PHOTO_NOT_FOUND");
    expect(await reasonOf(library.download(viewer, photo, RENDITION_PREVIEW))).toBe("PHOTO_NOT_FOUND");
    const page = await library.client.listPhotos({ filter: { albumId: album } }, await as(viewer));
    expect(page.photos).toEqual([]);
    const seen = await library.albums.getAlbum({ albumId: album }, await as(viewer));
    expect(seen.album).toMatchObject({ photoCount: 0, coverPhotoId: "" });
    expect((await library.client.getPhoto({ photoId: photo }, await as(owner))).photo?.id).toBe(photo);
  }
});

test("who loses access loses it everywhere, and takes their photos along", async () => {
  const { owner, contributor, viewer } = people;
  for (const end of ["unshared", "left", "moved"] as const) {
    const { top, album, photo } = await sharedTree();
    const theirs = await upload(contributor, album);
    const seen = await library.albums.getAlbum({ albumId: album }, await as(viewer));
    expect(seen.ancestors.map(({ id }) => id)).toEqual([top]);
    if (end === "moved") {
      const move = { albumId: album, parentId: "", updateMask: ["parent_id"] };
      await library.albums.updateAlbum(move, await as(owner));
    } else {
      const by = end === "left" ? contributor : owner;
      await library.albums.unshareAlbum({ albumId: top, userId: contributor }, await as(by));
    }
    const options = await as(contributor);
    expect(await reasonOf(library.albums.getAlbum({ albumId: album }, options))).toBe("ALBUM_NOT_FOUND");
    expect(await reasonOf(library.client.getPhoto({ photoId: photo }, options))).toBe("PHOTO_NOT_FOUND");
    expect((await library.client.getPhoto({ photoId: theirs }, options)).photo?.id).toBe(theirs);
    const rest = await library.client.listPhotos({ filter: { albumId: album } }, await as(owner));
    expect(rest.photos.map(({ id }) => id)).toEqual([photo]);
    expect(await reasonOf(library.client.getPhoto({ photoId: theirs }, await as(owner)))).toBe(
      "PHOTO_NOT_FOUND",
    );
  }
});

test("whom an album is given does not learn what lies above it", async () => {
  const { owner, stranger } = people;
  const { album } = await sharedTree();
  const guest = crypto.randomUUID();
  await share(owner, album, guest, "viewer");
  const { album: seen, ancestors } = await library.albums.getAlbum({ albumId: album }, await as(guest));
  expect(seen).toMatchObject({ parentId: "", role: "viewer" });
  expect(ancestors).toEqual([]);
  const { albums } = await library.albums.listAlbums({ shared: true }, await as(guest));
  expect(albums.map(({ id }) => id)).toEqual([album]);
  expect((await library.albums.listAlbums({}, await as(guest))).albums).toEqual([]);
  expect((await library.albums.listAlbums({ shared: true }, await as(stranger))).albums).toEqual([]);
});

test("a deleted user vanishes from the albums of others, and their albums from others", async () => {
  const [gone, stays] = [crypto.randomUUID(), crypto.randomUUID()];
  const [hers, his] = [await make(gone, "hers"), await make(stays, "his")];
  await share(gone, hers, stays, "contributor");
  await share(stays, his, gone, "contributor");
  await upload(gone, his);
  await upload(stays, hers);
  await library.albums.createAlbumLink({ albumId: hers }, await as(gone));
  await library.publish(events.userDeleted, { userId: gone });
  const rows = await ownedRows(library.databaseUrl, "library", gone);
  expect(Object.values(rows).every((count) => count === 0)).toBe(true);
  expect((await library.albums.listAlbumShares({ albumId: his }, await as(stays))).shares).toEqual([]);
  expect((await library.albums.listAlbums({ shared: true }, await as(stays))).albums).toEqual([]);
  const { album } = await library.albums.getAlbum({ albumId: his }, await as(stays));
  expect(album?.photoCount).toBe(0);
  const again = library.albums.shareAlbum({ albumId: his, userId: gone, role: "viewer" }, await as(stays));
  expect(await reasonOf(again)).toBe("USER_NOT_FOUND");
  expect(await reasonOf(make(gone, "again"))).toBe("ACCOUNT_DELETED");
});

test("sharing refuses what makes no sense", async () => {
  const { owner } = people;
  const album = await make(owner, "alone");
  const ask = async (userId: string, role: string) =>
    reasonOf(library.albums.shareAlbum({ albumId: album, userId, role }, await as(owner)));
  expect(await ask(owner, "viewer")).toBe("INVALID_SHARE");
  expect(await ask(crypto.randomUUID(), "owner")).toBe("INVALID_SHARE");
  expect(await ask("nobody", "viewer")).toBe("USER_NOT_FOUND");
  const person: Person = "viewer";
  await share(owner, album, people[person], "viewer");
  await share(owner, album, people[person], "contributor");
  const { shares } = await library.albums.listAlbumShares({ albumId: album }, await as(owner));
  expect(shares).toMatchObject([{ userId: people[person], role: "contributor" }]);
});
