import { AppError } from "@ocelli/chassis";
import { events, type eventsV1, libraryV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

let library: LibraryUnderTest;
let seed = 40_000;
beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

const { PhotoChange } = libraryV1;
type Update = Parameters<typeof libraryV1.UpdatePhotoRequest.fromPartial>[0];

async function upload(owner: string, bytes?: Buffer): Promise<libraryV1.Photo> {
  const { photo } = await library.upload(owner, bytes ?? (await jpeg(seed++)));
  if (!photo) throw new Error("no photo");
  return photo;
}

async function update(owner: string, request: Update): Promise<libraryV1.Photo | undefined> {
  const bearer = await library.userToken(owner);
  return (await library.photos.updatePhoto(libraryV1.UpdatePhotoRequest.fromPartial(request), { bearer }))
    .photo;
}

async function change(owner: string, photoIds: string[], what: libraryV1.PhotoChange): Promise<string[]> {
  const bearer = await library.userToken(owner);
  return (await library.photos.changePhotos({ photoIds, change: what }, { bearer })).photoIds;
}

async function get(owner: string, photoId: string): Promise<libraryV1.Photo | undefined> {
  return (await library.client.getPhoto({ photoId }, { bearer: await library.userToken(owner) })).photo;
}

async function idsIn(owner: string, filter: Parameters<typeof libraryV1.PhotoFilter.fromPartial>[0] = {}) {
  const request = libraryV1.ListPhotosRequest.fromPartial({ filter });
  const { photos } = await library.client.listPhotos(request, { bearer: await library.userToken(owner) });
  return photos.map(({ id }) => id);
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

/** What the outbox says of a photo, oldest first. */
async function saidOf(photoId: string): Promise<eventsV1.PhotoChanged[]> {
  const { rows } = await library.sql.query<{ payload: Buffer }>(
    "select payload from library.outbox where subject = $1 order by id",
    [events.photoChanged.subject],
  );
  return rows
    .map(({ payload }) => events.photoChanged.message.decode(payload))
    .filter(({ photo }) => photo?.photoId === photoId);
}

describe("a photo", () => {
  test("is what its owner says it is, as far as the mask goes", async () => {
    const owner = crypto.randomUUID();
    const { id: photoId } = await upload(owner);
    const takenAt = new Date("1969-07-20T20:17:40Z");
    const details = { title: " Moon ", description: "One\n\tsmall step ", favorite: true, hidden: true };
    const changed = await update(owner, {
      ...{ photoId, ...details, takenAt, takenAtOffsetMinutes: -300 },
      updateMask: ["title", "description", "favorite", "taken_at"],
    });
    const wanted = { title: "Moon", description: "One\n\tsmall step", favorite: true, hidden: false };
    expect(changed).toMatchObject({ ...wanted, takenAt, takenAtOffsetMinutes: -300 });
    expect(await get(owner, photoId)).toEqual(changed);
    const back = await update(owner, { photoId, updateMask: ["taken_at"] });
    expect(back).toMatchObject({ ...wanted, takenAt: undefined, takenAtOffsetMinutes: undefined });
    expect(await saidOf(photoId)).toMatchObject([
      { ...{ title: "Moon", favorite: true, withheld: false, takenAt, revision: 1 } },
      { title: "Moon", takenAt: undefined, revision: 2 },
    ]);
  });

  test("sorts and is filtered by the capture time that its owner named", async () => {
    const owner = crypto.randomUUID();
    const [older, newer] = [await upload(owner), await upload(owner)];
    const takenAt = new Date("2001-01-01T00:00:00Z");
    await update(owner, { photoId: newer.id, takenAt, updateMask: ["taken_at"] });
    const request = libraryV1.ListPhotosRequest.fromPartial({ order: "PHOTO_ORDER_TAKEN_DESC" });
    const { photos } = await library.client.listPhotos(request, { bearer: await library.userToken(owner) });
    expect(photos.map(({ id }) => id)).toEqual([older.id, newer.id]);
    expect(await idsIn(owner, { takenFrom: takenAt, takenUntil: new Date(takenAt.getTime() + 1) })).toEqual([
      newer.id,
    ]);
    await update(owner, { photoId: newer.id, updateMask: ["taken_at"] });
    expect(await idsIn(owner, { takenFrom: takenAt, takenUntil: new Date(takenAt.getTime() + 1) })).toEqual(
      [],
    );
  });

  test("keeps its face count from the scan, once per event", async () => {
    const owner = crypto.randomUUID();
    const { id: photoId, sha256 } = await upload(owner);
    expect((await get(owner, photoId))?.faceCount).toBeUndefined();
    const photo = { photoId, ownerId: owner, sha256 };
    const box = { x: 0, y: 0, width: 1, height: 1 };
    const faces = [{ id: crypto.randomUUID(), box, score: 1, quality: 1 }];
    await library.publish(events.photoFacesScanned, { photo, faces, provenance: { model: "m", ms: 1 } });
    expect(await get(owner, photoId)).toMatchObject({ faceCount: 1 });
    const foreign = { ...photo, ownerId: crypto.randomUUID() };
    await library.publish(events.photoFacesScanned, {
      photo: foreign,
      faces: [],
      provenance: { model: "m", ms: 1 },
    });
    expect(await get(owner, photoId)).toMatchObject({ faceCount: 1 });
    expect([await idsIn(owner, { hasFaces: true }), await idsIn(owner, { hasFaces: false })]).toEqual([
      [photoId],
      [],
    ]);
  });

  const updates: [what: string, request: Omit<Update, "photoId">][] = [
    ["no mask", { title: "x" }],
    ["an unknown field", { updateMask: ["owner_id"] }],
    ["a mask that repeats itself", { updateMask: Array(6).fill("title") }],
    ["a title that is too long", { title: "x".repeat(201), updateMask: ["title"] }],
    ["a title of two lines", { title: "a\nb", updateMask: ["title"] }],
    ["a title with NUL", { title: "a\0b", updateMask: ["title"] }],
    ["a description that is too long", { description: "x".repeat(5001), updateMask: ["description"] }],
    ["a description with an escape", { description: "a\u001b[2J", updateMask: ["description"] }],
    ["an offset of days", { takenAt: new Date(0), takenAtOffsetMinutes: 1081, updateMask: ["taken_at"] }],
    ["an offset without a time", { takenAtOffsetMinutes: 60, updateMask: ["taken_at"] }],
    [
      "an offset that the mask does not name",
      { takenAt: new Date(0), takenAtOffsetMinutes: 60, updateMask: ["title"] },
    ],
  ];
  test.each(updates)("refuses %s", async (_what, request) => {
    const owner = crypto.randomUUID();
    expect(await reasonOf(update(owner, { photoId: crypto.randomUUID(), ...request }))).toBe(
      "INVALID_PHOTO_CHANGE",
    );
  });

  test("takes 200 characters of any kind as a title", async () => {
    const owner = crypto.randomUUID();
    const { id: photoId } = await upload(owner);
    const title = "🐈".repeat(200);
    expect(await update(owner, { photoId, title, updateMask: ["title"] })).toMatchObject({ title });
  });

  test("of somebody else is unknown, like what is no id", async () => {
    const { id: photoId } = await upload(crypto.randomUUID());
    for (const id of [photoId, crypto.randomUUID(), "nonsense", ""]) {
      const call = update(crypto.randomUUID(), { photoId: id, favorite: true, updateMask: ["favorite"] });
      expect(await reasonOf(call)).toBe("PHOTO_NOT_FOUND");
    }
    expect(await saidOf(photoId)).toEqual([]);
  });
});

describe("many photos", () => {
  test("change at once, without those of others", async () => {
    const [owner, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const [a, b, theirs] = [await upload(owner), await upload(owner), await upload(other)];
    await change(owner, [a.id], PhotoChange.PHOTO_CHANGE_FAVORITE);
    const ids = [theirs.id, b.id, a.id, a.id, "nonsense", crypto.randomUUID()];
    for (const [what, field, value] of [
      [PhotoChange.PHOTO_CHANGE_FAVORITE, "favorite", true],
      [PhotoChange.PHOTO_CHANGE_HIDE, "hidden", true],
      [PhotoChange.PHOTO_CHANGE_UNHIDE, "hidden", false],
      [PhotoChange.PHOTO_CHANGE_UNFAVORITE, "favorite", false],
    ] as const) {
      expect((await change(owner, ids, what)).toSorted()).toEqual([a.id, b.id].toSorted());
      for (const { id } of [a, b]) expect(await get(owner, id)).toMatchObject({ [field]: value });
      expect(await get(other, theirs.id)).toMatchObject({ favorite: false, hidden: false });
    }
    expect(await saidOf(theirs.id)).toEqual([]);
    // What was so already is no change.
    expect(await saidOf(a.id)).toHaveLength(4);
    expect((await saidOf(a.id)).map(({ revision, withheld }) => [revision, withheld])).toEqual([
      [1, false],
      [2, true],
      [3, false],
      [4, false],
    ]);
  });

  test("that overlap, from two sides, all end well", async () => {
    const owner = crypto.randomUUID();
    const ids: string[] = [];
    for (let n = 0; n < 12; n++) ids.push((await upload(owner)).id);
    const sides = [PhotoChange.PHOTO_CHANGE_HIDE, PhotoChange.PHOTO_CHANGE_UNHIDE].flatMap((what) => [
      change(owner, ids, what),
      change(owner, ids.toReversed(), what),
    ]);
    for (const changed of await Promise.all(sides)) expect(changed).toHaveLength(12);
  });

  test("are at least one and at most a thousand", async () => {
    const owner = crypto.randomUUID();
    const ids = Array.from({ length: 1000 }, () => crypto.randomUUID());
    const { PHOTO_CHANGE_TRASH, PHOTO_CHANGE_UNSPECIFIED } = PhotoChange;
    expect(await change(owner, ids, PHOTO_CHANGE_TRASH)).toEqual([]);
    expect(await reasonOf(change(owner, [...ids, "x"], PHOTO_CHANGE_TRASH))).toBe("INVALID_PHOTO_CHANGE");
    expect(await reasonOf(change(owner, [], PHOTO_CHANGE_TRASH))).toBe("INVALID_PHOTO_CHANGE");
    expect(await reasonOf(change(owner, ids, PHOTO_CHANGE_UNSPECIFIED))).toBe("INVALID_PHOTO_CHANGE");
  });
});

describe("the trash", () => {
  test("hides a photo from lists until it is restored; its analysis goes on", async () => {
    const owner = crypto.randomUUID();
    const { id, sha256 } = await upload(owner);
    await change(owner, [id], PhotoChange.PHOTO_CHANGE_TRASH);
    const trashedAt = (await get(owner, id))?.trashedAt;
    expect(trashedAt).toBeInstanceOf(Date);
    expect([await idsIn(owner), await idsIn(owner, { trashed: true })]).toEqual([[], [id]]);
    expect((await library.fetchForAnalysis(owner, id, ["ocr"])).byteLength).toBeGreaterThan(0);
    const photo = { photoId: id, ownerId: owner, sha256 };
    await library.publish(events.photoTextRead, { photo, lines: [], provenance: { model: "m", ms: 1 } });
    expect((await get(owner, id))?.stages.find(({ stage }) => stage === "ocr")?.status).toBe(
      "STAGE_STATUS_SUCCEEDED",
    );
    await change(owner, [id], PhotoChange.PHOTO_CHANGE_TRASH);
    expect((await get(owner, id))?.trashedAt).toEqual(trashedAt);
    await change(owner, [id], PhotoChange.PHOTO_CHANGE_RESTORE);
    expect([await idsIn(owner), await idsIn(owner, { trashed: true })]).toEqual([[id], []]);
    expect((await saidOf(id)).map(({ withheld }) => withheld)).toEqual([true, false]);
  });

  test("gives a photo back that is uploaded again", async () => {
    const owner = crypto.randomUUID();
    const bytes = await jpeg(seed++);
    const { id } = await upload(owner, bytes);
    await change(owner, [id], PhotoChange.PHOTO_CHANGE_TRASH);
    const again = await library.upload(owner, bytes);
    expect(again).toMatchObject({ duplicate: true, photo: { id, trashedAt: undefined } });
    expect(await idsIn(owner)).toEqual([id]);
  });
});

test("files that are there already are named to their owner alone", async () => {
  const [owner, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const [a, b, theirs] = [await upload(owner), await upload(owner), await upload(other)];
  await change(owner, [b.id], PhotoChange.PHOTO_CHANGE_TRASH);
  const bearer = await library.userToken(owner);
  const find = async (sha256: string[]) => (await library.photos.findExisting({ sha256 }, { bearer })).photos;
  const found = await find([a.sha256, b.sha256, a.sha256, theirs.sha256, "0".repeat(64)]);
  expect(new Set(found)).toEqual(
    new Set([
      { sha256: a.sha256, photoId: a.id, trashed: false },
      { sha256: b.sha256, photoId: b.id, trashed: true },
    ]),
  );
  for (const wrong of [[], ["x"], [a.sha256.toUpperCase()], Array(1001).fill(a.sha256)]) {
    expect(await reasonOf(find(wrong))).toBe("INVALID_SHA256");
  }
});
