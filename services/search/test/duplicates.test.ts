import { randomUUID, randomUUIDv7 } from "node:crypto";
import { AppError } from "@ocelli/chassis";
import { events, type eventsV1, searchV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { findDuplicates } from "../src/duplicate-detection.ts";
import { replacePairs } from "../src/store/duplicate-pairs.ts";
import { type FindingUnderTest, newOwner, picture, sample, startFinding } from "./finding-harness.ts";

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

const { DUPLICATE_KIND_EXACT, DUPLICATE_KIND_NEAR } = searchV1.DuplicateKind;
const list = (owner: string, request: Partial<searchV1.ListDuplicatesRequest> = {}) =>
  finding.duplicates.listDuplicates(searchV1.ListDuplicatesRequest.fromPartial(request), { bearer: owner });
const groupsOf = async (owner: string) =>
  (await list(owner)).groups.map(({ photos }) => photos.map(({ photoId }) => photoId));
const keep = (owner: string, photoIds: string[]) =>
  finding.duplicates.keepDuplicates({ photoIds }, { bearer: owner });
const unkeep = (owner: string, photoIds: string[]) =>
  finding.duplicates.unkeepDuplicates({ photoIds }, { bearer: owner });
const changed = (photo: eventsV1.PhotoRef, withheld: boolean, revision: number) =>
  finding.publish(events.photoChanged, { photo, withheld, revision });
const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "none",
    (error: unknown) => AppError.from(error).reason,
  );

const shapes = {
  half: async () => (await picture("coffee.png")).resize(300).png().toBuffer(),
  recompressed: async () => (await picture("coffee.png")).jpeg({ quality: 40 }).toBuffer(),
  brighter: async () => (await picture("coffee.png")).modulate({ brightness: 1.2 }).png().toBuffer(),
  grey: async () => (await picture("coffee.png")).greyscale().png().toBuffer(),
  cropped: async () =>
    (await picture("coffee.png")).extract({ left: 9, top: 6, width: 582, height: 388 }).png().toBuffer(),
  quarterTurn: async () => (await picture("coffee.png")).rotate(90).png().toBuffer(),
  halfTurn: async () => (await picture("coffee.png")).rotate(180).jpeg({ quality: 85 }).toBuffer(),
};

describe("the same picture in another shape", () => {
  test.each(Object.entries(shapes))("%s", async (_name, make) => {
    const owner = newOwner();
    const original = await finding.add(owner, await sample("coffee.png"));
    await finding.add(owner, await sample("chelsea.png"));
    const copy = await finding.add(owner, await make());
    const { groups } = await list(owner);
    expect(groups).toHaveLength(1);
    const [group] = groups;
    expect(group?.kind).toBe(DUPLICATE_KIND_NEAR);
    expect(group?.id).toBe(original.photoId);
    expect(group?.photos.map(({ photoId }) => photoId).toSorted()).toEqual([original.photoId, copy.photoId]);
    for (const { similarity } of group?.photos ?? []) expect(similarity).toBeGreaterThan(0.8);
  });
});

describe("similar is not the same", () => {
  test("another frame of the scene", async () => {
    const owner = newOwner();
    const shot = await picture("coffee.png");
    const frame = { width: 510, height: 340 };
    await finding.add(
      owner,
      await shot
        .clone()
        .extract({ left: 0, top: 0, ...frame })
        .png()
        .toBuffer(),
    );
    await finding.add(
      owner,
      await shot
        .clone()
        .extract({ left: 85, top: 55, ...frame })
        .png()
        .toBuffer(),
    );
    expect(await groupsOf(owner)).toEqual([]);
  });

  test("pictures of one tone, which hashes cannot tell apart", async () => {
    const owner = newOwner();
    const wall = (background: string) =>
      picture("coffee.png").then((any) =>
        any
          .resize(1, 1)
          .extend({ top: 200, bottom: 200, left: 200, right: 200, background })
          .blur(60)
          .png()
          .toBuffer(),
      );
    await finding.add(owner, await wall("#909090"));
    await finding.add(owner, await wall("#204060"));
    expect(await groupsOf(owner)).toEqual([]);
  });

  test("the same bytes of somebody else", async () => {
    const [one, other] = [newOwner(), newOwner()];
    await finding.add(one, await sample("rocket.jpg"));
    await finding.add(other, await sample("rocket.jpg"));
    expect([await groupsOf(one), await groupsOf(other)]).toEqual([[], []]);
  });
});

test("the best is that of the most pixels, then the sharpest, then the largest file", async () => {
  const owner = newOwner();
  const original = await finding.add(owner, await sample("coffee.png"));
  const small = await finding.add(owner, await shapes.half());
  const blurred = await finding.add(owner, await (await picture("coffee.png")).blur(1.5).png().toBuffer());
  const heavy = await finding.add(owner, await sample("coffee.png"), { sizeBytes: 9_000_000 });
  const { groups } = await list(owner);
  expect(groups.map(({ photos }) => photos.map(({ photoId }) => photoId))).toEqual([
    [heavy, original, blurred, small].map(({ photoId }) => photoId),
  ]);
  const photos = groups[0]?.photos ?? [];
  expect(photos.map(({ best }) => best)).toEqual([true, false, false, false]);
  expect(photos.map(({ width, height }) => [width, height])).toEqual([
    [600, 400],
    [600, 400],
    [600, 400],
    [300, 200],
  ]);
  expect(photos[0]?.sizeBytes).toBe(9_000_000);
  expect(photos[0]?.sharpness).toBeGreaterThan(2 * (photos[2]?.sharpness ?? 1));
  expect(photos[1]?.similarity).toBe(1);
});

test("the same bytes are their own kind", async () => {
  const owner = newOwner();
  const [first, second] = [
    await finding.add(owner, await sample("rocket.jpg")),
    await finding.add(owner, await sample("rocket.jpg")),
  ];
  await finding.add(owner, await sample("coffee.png"));
  await finding.add(owner, await shapes.half());
  const exact = (await list(owner, { kind: DUPLICATE_KIND_EXACT })).groups;
  expect(exact).toHaveLength(1);
  expect(exact[0]).toMatchObject({ id: first.photoId, kind: DUPLICATE_KIND_EXACT });
  expect(exact[0]?.photos.map(({ photoId }) => photoId)).toEqual([first.photoId, second.photoId]);
  const near = (await list(owner, { kind: DUPLICATE_KIND_NEAR })).groups;
  expect(near.map(({ kind }) => kind)).toEqual([DUPLICATE_KIND_NEAR]);
  expect((await list(owner)).groups).toHaveLength(2);
});

test("photos embedded at the same time find one another", async () => {
  const owner = newOwner();
  const bytes = await Promise.all(
    [80, 70, 60, 50, 40, 30].map(async (quality) =>
      (await picture("chelsea.png")).jpeg({ quality }).toBuffer(),
    ),
  );
  await Promise.all(bytes.map((each) => finding.add(owner, each)));
  await finding.settle();
  expect((await groupsOf(owner)).map((group) => group.length)).toEqual([6]);
});

describe("a photo that is compared while another is embedded", () => {
  const compare = (photo: eventsV1.PhotoRef) =>
    findDuplicates({ db: finding.host.database.db, vectors: finding.vectors }, photo);
  const write = (photo: eventsV1.PhotoRef, found: Awaited<ReturnType<typeof compare>>) =>
    finding.host.database.db.transaction().execute((trx) => replacePairs(trx, photo, found));

  test("keeps the pair that the other finds meanwhile", async () => {
    const owner = newOwner();
    const first = await finding.add(owner, await sample("coffee.png"));
    const nobody = await compare(first);
    const second = await finding.add(owner, await shapes.half());
    const afterwards = await compare(first);
    await write(first, nobody);
    expect((await groupsOf(owner)).map((group) => group.length)).toEqual([2]);
    // Both found it: written twice it is the same pair.
    await write(first, afterwards);
    await write(second, await compare(second));
    expect((await groupsOf(owner)).map((group) => group.length)).toEqual([2]);
  });

  test("keeps a pair that it had when the other confirms it meanwhile, and no pair else", async () => {
    const owner = newOwner();
    const photos = [await sample("coffee.png"), await shapes.half(), await shapes.recompressed()];
    const [first, second, third] = await Promise.all(photos.map((bytes) => finding.add(owner, bytes)));
    if (!first || !second || !third) throw new Error("three photos were added");
    await finding.settle();
    const { before } = await compare(first);
    await write(second, await compare(second));
    await write(first, { pairs: [], before });
    const known = (await compare(first)).before.map(({ otherId }) => otherId);
    expect(known).toEqual([second.photoId]);
    expect((await compare(third)).before.map(({ otherId }) => otherId)).toEqual([second.photoId]);
  });

  test("many at the same time, time and again, neither lose a pair nor lock one another out", async () => {
    const owner = newOwner();
    const photos: eventsV1.PhotoRef[] = [];
    for (const quality of [90, 70, 50, 30]) {
      const bytes = await (await picture("chelsea.png")).jpeg({ quality }).toBuffer();
      photos.push(await finding.add(owner, bytes));
    }
    for (let round = 0; round < 5; round++)
      await Promise.all(photos.map(async (photo) => write(photo, await compare(photo))));
    const { db } = finding.host.database;
    const pairs = await db
      .selectFrom("duplicate_pairs")
      .select("photo_id")
      .where("owner_id", "=", owner)
      .execute();
    expect(pairs).toHaveLength(4 * 3);
  });
});

describe("decisions", () => {
  let owner: string;
  let photos: eventsV1.PhotoRef[];
  const ids = (...indexes: number[]) => indexes.map((index) => photos[index]?.photoId ?? "");
  beforeAll(async () => {
    owner = newOwner();
    const copies = [await sample("coffee.png"), await shapes.half(), await shapes.recompressed()];
    photos = [];
    for (const bytes of copies) photos.push(await finding.add(owner, bytes));
  });

  test("are remembered, whatever is looked at again, until they are taken back", async () => {
    await keep(owner, ids(0, 1, 2));
    expect(await groupsOf(owner)).toEqual([]);
    for (const photo of photos)
      await finding.publish(events.photoStagesRequested, { photo, stages: ["embed"], jobId: "" });
    await finding.settle();
    expect(await groupsOf(owner)).toEqual([]);
    await keep(owner, ids(0, 1, 2));
    await unkeep(owner, ids(0, 1, 2));
    expect((await groupsOf(owner)).map((group) => group.length)).toEqual([3]);
  });

  test("keep two apart that a third is like", async () => {
    await keep(owner, ids(0, 1));
    const groups = await groupsOf(owner);
    expect(groups).toHaveLength(1);
    expect(groups[0]).toHaveLength(2);
    expect(groups[0]).toContain(photos[2]?.photoId);
    await keep(owner, groups[0] ?? []);
    const rest = await groupsOf(owner);
    expect(rest).toHaveLength(1);
    expect(rest[0]).not.toEqual(groups[0]);
    await keep(owner, rest[0] ?? []);
    expect(await groupsOf(owner)).toEqual([]);
    await unkeep(owner, ids(0, 1, 2));
  });

  test("are for one's own photos, two to a hundred of them", async () => {
    const stranger = newOwner();
    expect(await reasonOf(keep(stranger, ids(0, 1)))).toBe("PHOTO_NOT_FOUND");
    expect(await reasonOf(unkeep(stranger, ids(0, 1)))).toBe("PHOTO_NOT_FOUND");
    expect(await reasonOf(keep(owner, [...ids(0), randomUUID()]))).toBe("PHOTO_NOT_FOUND");
    expect(await reasonOf(keep(owner, [...ids(0), "' or 1=1 --"]))).toBe("PHOTO_NOT_FOUND");
    const many = Array.from({ length: 101 }, () => randomUUID());
    for (const wrong of [[], ids(0), ids(0, 0), many])
      expect(await reasonOf(keep(owner, wrong))).toBe("INVALID_PHOTOS");
    expect((await groupsOf(owner)).map((group) => group.length)).toEqual([3]);
  });
});

test("what is withheld or deleted is no duplicate, at once; what is shown again is", async () => {
  const owner = newOwner();
  const first = await finding.add(owner, await sample("rocket.jpg"));
  const second = await finding.add(owner, await (await picture("rocket.jpg")).resize(320).png().toBuffer());
  await keep(owner, [first.photoId, second.photoId]);
  await unkeep(owner, [first.photoId, second.photoId]);
  expect(await groupsOf(owner)).toHaveLength(1);
  await changed(first, true, 1);
  expect(await groupsOf(owner)).toEqual([]);
  // Compared while the other is in the trash: the pair is there when it comes back.
  const third = await finding.add(
    owner,
    await (await picture("rocket.jpg")).jpeg({ quality: 50 }).toBuffer(),
  );
  await changed(first, false, 2);
  expect((await groupsOf(owner)).map((group) => group.length)).toEqual([3]);
  await keep(owner, [first.photoId, second.photoId]);
  await finding.publish(events.photoDeleted, { photo: second });
  expect((await groupsOf(owner)).flat().toSorted()).toEqual([first.photoId, third.photoId]);
  await finding.publish(events.photoDeleted, { photo: first });
  expect(await groupsOf(owner)).toEqual([]);
  const { db } = finding.host.database;
  for (const table of ["pictures", "picture_bands", "duplicate_pairs", "kept_duplicates"] as const) {
    const rows = await db.selectFrom(table).select("photo_id").where("owner_id", "=", owner).execute();
    expect(new Set(rows.map((row) => row.photo_id)).size).toBe(
      table === "pictures" || table === "picture_bands" ? 1 : 0,
    );
  }
  expect(await reasonOf(keep(owner, [first.photoId, third.photoId]))).toBe("PHOTO_NOT_FOUND");
});

describe("many groups", () => {
  const owner = newOwner();
  const count = 250;
  beforeAll(async () => {
    const { db } = finding.host.database;
    const ids = Array.from({ length: 3 * count }, () => randomUUIDv7()).toSorted();
    const groups = Array.from({ length: count }, (_, index) => ids.slice(3 * index, 3 * index + 3));
    const rows = groups.flat().map((photo_id) => ({ photo_id, owner_id: owner, sha256: photo_id }));
    await db.insertInto("documents").values(rows).execute();
    await db
      .insertInto("pictures")
      .values(rows.map((row) => ({ ...row, hash: "0", turned: [], sharpness: 0.5 })))
      .execute();
    // A chain: the first and the last of a group hang together by the one between them only.
    const pairs = groups.flatMap(([a = "", b = "", c = ""]) => [
      [a, c],
      [c, a],
      [c, b],
      [b, c],
    ]);
    await db
      .insertInto("duplicate_pairs")
      .values(
        pairs.map(([photo_id = "", other_id = ""]) => ({
          ...{ owner_id: owner, photo_id, other_id },
          ...{ exact: false, distance: 2 },
        })),
      )
      .execute();
  });

  test("come page by page, each once, the newest first", async () => {
    const ids: string[] = [];
    const sizes: number[] = [];
    let pageToken = "";
    do {
      const page = await list(owner, { pageSize: 60, pageToken });
      ids.push(...page.groups.map(({ id }) => id));
      sizes.push(page.groups.length);
      for (const { photos } of page.groups) expect(photos).toHaveLength(3);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(sizes).toEqual([60, 60, 60, 60, 10]);
    expect(new Set(ids).size).toBe(count);
    expect(ids).toEqual(ids.toSorted().toReversed());
  });

  test("of another kind are passed over without end or failure", async () => {
    const page = await list(owner, { kind: DUPLICATE_KIND_EXACT });
    expect(page).toEqual({ groups: [], nextPageToken: "" });
  });

  test("are listed for their owner by the rules of lists", async () => {
    const { nextPageToken } = await list(owner, { pageSize: 1 });
    expect(await reasonOf(list(newOwner(), { pageToken: nextPageToken }))).toBe("INVALID_PAGE_TOKEN");
    expect(await reasonOf(list(owner, { pageToken: nextPageToken, kind: DUPLICATE_KIND_NEAR }))).toBe(
      "INVALID_PAGE_TOKEN",
    );
    expect(await reasonOf(list(owner, { pageToken: "x" }))).toBe("INVALID_PAGE_TOKEN");
    expect(await reasonOf(list(owner, { pageSize: -1 }))).toBe("INVALID_PAGE_SIZE");
    expect((await list(owner, { pageSize: 1000 })).groups).toHaveLength(100);
  });
});

test("more copies than a group holds are shown a hundred at a time", async () => {
  const owner = newOwner();
  const { db } = finding.host.database;
  // The newest are compared last, when each of the others is a pair with some of them.
  const ids = Array.from({ length: 130 }, () => randomUUIDv7()).toSorted();
  const rows = ids.map((photo_id) => ({ photo_id, owner_id: owner, sha256: "x" }));
  await db.insertInto("documents").values(rows).execute();
  await db
    .insertInto("pictures")
    .values(rows.map((row) => ({ ...row, hash: null, turned: [], sharpness: 0.5 })))
    .execute();
  for (const photoId of ids)
    await finding.publish(events.photoEmbedded, { photo: { photoId, ownerId: owner, sha256: "x" } });
  const { groups } = await list(owner);
  expect(groups[0]?.photos).toHaveLength(100);
  expect(groups[0]?.kind).toBe(DUPLICATE_KIND_EXACT);
});
