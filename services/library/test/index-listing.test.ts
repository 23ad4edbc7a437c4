import { AppError } from "@ocelli/chassis";
import { events, eventsV1, libraryV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { albumClients } from "./album-clients.ts";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { picture } from "./photos-for-tests.ts";

const { PhotoChange } = libraryV1;
let library: LibraryUnderTest;
const { as, make, upload, share } = albumClients(() => library);

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

const exif = {
  IFD0: { Make: "Ocelli", Model: "Model 1" },
  IFD2: { LensModel: "Lens 1" },
  IFD3: {
    GPSLatitudeRef: "S",
    GPSLatitude: "41/1 17/1 11/1",
    GPSLongitudeRef: "E",
    GPSLongitude: "174/1 46/1 34/1",
  },
};

function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

async function change(user: string, photoIds: string[], what: libraryV1.PhotoChange): Promise<void> {
  await library.photos.changePhotos({ photoIds, change: what }, await as(user));
}

async function photosForIndex(pageSize = 0): Promise<libraryV1.IndexablePhoto[]> {
  const bearer = await library.serviceToken("search");
  const found: libraryV1.IndexablePhoto[] = [];
  for (let pageToken = "", more = true; more; more = pageToken !== "") {
    const page = await library.client.listPhotosForIndex({ pageSize, pageToken }, { bearer });
    if (pageSize > 0) expect(page.photos.length).toBeLessThanOrEqual(pageSize);
    found.push(...page.photos);
    pageToken = page.nextPageToken;
  }
  return found;
}

async function eventsOf<T>(subject: string, decode: (bytes: Uint8Array) => T): Promise<T[]> {
  const query = "select payload from library.outbox where subject = $1 order by id";
  const { rows } = await library.sql.query<{ payload: Buffer }>(query, [subject]);
  return rows.map(({ payload }) => decode(payload));
}

describe("several photos at once", () => {
  test("come in the order asked, each once, without what is not to be seen", async () => {
    const [maria, tom] = [crypto.randomUUID(), crypto.randomUUID()];
    const [a, b, hidden, trashed] = [
      await upload(maria),
      await upload(maria),
      await upload(maria),
      await upload(maria),
    ];
    const albumId = await make(tom, "Shared");
    await share(tom, albumId, maria, "viewer");
    const foreign = await upload(tom, albumId);
    await change(maria, [hidden], PhotoChange.PHOTO_CHANGE_HIDE);
    await change(maria, [trashed], PhotoChange.PHOTO_CHANGE_TRASH);
    const photoIds = [b, foreign, crypto.randomUUID(), "nonsense", hidden, a.toUpperCase(), trashed, b];
    const { photos } = await library.photos.getPhotos({ photoIds }, await as(maria));
    expect(photos.map(({ id }) => id)).toEqual([b, a]);
    expect(photos[1]).toEqual((await library.client.getPhoto({ photoId: a }, await as(maria))).photo);
  });

  test("are one to two hundred", async () => {
    const maria = crypto.randomUUID();
    const ask = async (count: number) =>
      library.photos.getPhotos(
        { photoIds: Array.from({ length: count }, () => crypto.randomUUID()) },
        await as(maria),
      );
    expect((await ask(200)).photos).toEqual([]);
    expect(await reasonOf(ask(201))).toBe("TOO_MANY_PHOTOS");
    expect(await reasonOf(ask(0))).toBe("INVALID_PHOTO_IDS");
  });
});

describe("what the index is built from", () => {
  test("is for services alone", async () => {
    for (const bearer of [await library.userToken(crypto.randomUUID()), await library.adminToken()]) {
      expect(await reasonOf(library.client.listPhotosForIndex({}, { bearer }))).toBe("SERVICES_ONLY");
      expect(await reasonOf(library.client.listAlbumsForIndex({}, { bearer }))).toBe("SERVICES_ONLY");
    }
  });

  test("says of every photo what its events said, whoever owns it, and where it lies", async () => {
    const [maria, tom] = [crypto.randomUUID(), crypto.randomUUID()];
    const albumId = await make(tom, "Shared");
    await share(tom, albumId, maria, "contributor");
    const untouched = await upload(tom, albumId);
    const bytes = await picture(9_100).withExif(exif).jpeg().toBuffer();
    const { photo } = await library.upload(maria, bytes, { filename: "tower.jpg", albumId });
    const id = photo?.id ?? "";
    await library.photos.updatePhoto(
      { photoId: id, title: "Tower", favorite: true, updateMask: ["title", "favorite"] },
      await as(maria),
    );
    await change(maria, [id], PhotoChange.PHOTO_CHANGE_TRASH);
    const listed = await photosForIndex();
    const mine = listed.find(({ ready }) => ready?.photo?.photoId === id);
    const ready = await eventsOf(events.photoReady.subject, (each) => eventsV1.PhotoReady.decode(each));
    expect(mine?.ready).toEqual(ready.find((each) => each.photo?.photoId === id));
    expect(mine?.ready).toMatchObject({
      filename: "tower.jpg",
      mediaType: "image/jpeg",
      sizeBytes: bytes.byteLength,
      camera: expect.stringContaining("Model 1"),
      lens: "Lens 1",
      city: "Wellington",
      country: "New Zealand",
    });
    const changes = await eventsOf(events.photoChanged.subject, (each) => eventsV1.PhotoChanged.decode(each));
    expect(mine?.changed).toEqual(changes.filter((each) => each.photo?.photoId === id).at(-1));
    expect(mine?.changed).toMatchObject({ title: "Tower", favorite: true, withheld: true, revision: 2 });
    expect(mine?.albumIds).toEqual([albumId]);
    const theirs = listed.find((each) => each.ready?.photo?.photoId === untouched);
    expect(theirs).toMatchObject({ changed: undefined, albumIds: [albumId] });
  });

  test("comes in pages, oldest first, without what was deleted", async () => {
    const [maria, gone] = [crypto.randomUUID(), crypto.randomUUID()];
    const ids = [];
    for (let n = 0; n < 5; n += 1) ids.push(await upload(maria));
    const [deleted = "", ...left] = ids;
    await change(maria, [deleted], PhotoChange.PHOTO_CHANGE_DELETE);
    await upload(gone);
    await library.sql.query("insert into library.deleted_owners (user_id) values ($1)", [gone]);
    const listed = await photosForIndex(2);
    expect(
      listed.flatMap(({ ready }) => (ready?.photo?.ownerId === maria ? ready.photo.photoId : [])),
    ).toEqual(left);
    expect(listed.filter(({ ready }) => ready?.photo?.ownerId === gone)).toEqual([]);
    const all = listed.map(({ ready }) => ready?.photo?.photoId ?? "");
    expect(all).toEqual([...new Set(all)].toSorted());
    const bearer = await library.serviceToken("search");
    const { nextPageToken } = await library.client.listPhotosForIndex({ pageSize: 1 }, { bearer });
    for (const [request, reason] of [
      [{ pageSize: -1 }, "INVALID_PAGE_SIZE"],
      [{ pageToken: "nonsense" }, "INVALID_PAGE_TOKEN"],
    ] as const) {
      expect(await reasonOf(library.client.listPhotosForIndex(request, { bearer }))).toBe(reason);
      expect(await reasonOf(library.client.listAlbumsForIndex(request, { bearer }))).toBe(reason);
    }
    expect(await reasonOf(library.client.listAlbumsForIndex({ pageToken: nextPageToken }, { bearer }))).toBe(
      "INVALID_PAGE_TOKEN",
    );
  });

  test("says of albums what they are called, and how far what was told of them goes", async () => {
    const maria = crypto.randomUUID();
    const [trips, gone] = [await make(maria, "Trips"), await make(maria, "Gone")];
    await library.albums.deleteAlbum({ albumId: gone }, await as(maria));
    await upload(maria, trips);
    await library.albums.updateAlbum(
      { albumId: trips, name: "Travels", updateMask: ["name"] },
      await as(maria),
    );
    await upload(maria, trips);
    const bearer = await library.serviceToken("search");
    const found: eventsV1.AlbumChanged[] = [];
    for (let pageToken = "", more = true; more; more = pageToken !== "") {
      const page = await library.client.listAlbumsForIndex({ pageSize: 1, pageToken }, { bearer });
      found.push(...page.albums);
      pageToken = page.nextPageToken;
    }
    const told = [
      ...(await eventsOf(events.albumChanged.subject, (each) => eventsV1.AlbumChanged.decode(each))),
      ...(await eventsOf(events.albumPhotosChanged.subject, (each) =>
        eventsV1.AlbumPhotosChanged.decode(each),
      )),
    ].filter(({ albumId }) => albumId === trips);
    expect(found.filter(({ ownerId }) => ownerId === maria)).toEqual([
      {
        albumId: trips,
        ownerId: maria,
        name: "Travels",
        deleted: false,
        revision: Math.max(...told.map(({ revision }) => revision)),
      },
    ]);
  });
});
