import { mkdir, writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { AppError, newEventId } from "@ocelli/chassis";
import { events, libraryV1 } from "@ocelli/contracts";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type LibraryUnderTest,
  nativeDatabase,
  startLibrary,
  unfinishedUpload,
} from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

const { RENDITION_ORIGINAL } = libraryV1.Rendition;
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary({ ingestQueue: 500 }, nativeDatabase);
});
afterAll(() => library?.stop());

/** Rows of an owner in every table that has some: the catalog knows them all. */
async function rowsOf(owner: string): Promise<Record<string, number>> {
  const rows = await ownedRows(library.databaseUrl, "library", owner);
  return Object.fromEntries(Object.entries(rows).filter(([, count]) => count > 0));
}
const nothing = {};
const remove = (userId: string) => library.publish(events.userDeleted, { userId });

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

/** Every image has its three files and no file is without an image: what no deletion may ever break. */
async function expectFilesMatchImages(): Promise<void> {
  const { rows } = await library.sql.query<{ sha256: string }>("select sha256 from library.images");
  const wanted = rows.flatMap(({ sha256 }) => [sha256, `${sha256}.preview.jpg`, `${sha256}.thumbnail.jpg`]);
  expect((await library.files()).map((path) => basename(path)).sort()).toEqual(wanted.sort());
  expect(await library.count("loose_blobs")).toBe(0);
}

test("everything of a deleted user goes, and what others have too stays theirs", async () => {
  const [gone, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const [own, shared] = [await jpeg(1), await jpeg(2)];
  const { photo } = await library.upload(gone, own);
  await library.upload(gone, shared);
  const { photo: theirs } = await library.upload(other, shared);
  expect(await rowsOf(gone)).toMatchObject({ owner_usage: 1, photos: 2 });
  const others = await rowsOf(other);
  const sent: string[] = [];
  await library.bus.watch("ocelli.library.>", ({ subject }) => void sent.push(subject));

  for (const _delivery of ["first", "second"]) {
    await remove(gone);
    expect(await rowsOf(gone)).toEqual(nothing);
    expect(await rowsOf(other)).toEqual(others);
    expect((await library.download(other, theirs?.id ?? "", RENDITION_ORIGINAL)).equals(shared)).toBe(true);
    expect(await library.files()).toHaveLength(3);
    await expectFilesMatchImages();
  }
  const bearer = await library.userToken(gone);
  const photoId = photo?.id ?? "";
  expect(await reasonOf(library.client.getPhoto({ photoId }, { bearer }))).toBe("PHOTO_NOT_FOUND");
  expect(await reasonOf(library.download(gone, photoId, RENDITION_ORIGINAL))).toBe("PHOTO_NOT_FOUND");
  expect(await reasonOf(library.fetchForAnalysis(gone, photoId, ["ocr"]))).toBe("PHOTO_NOT_FOUND");
  const page = await library.client.listPhotos({ pageSize: 0, pageToken: "" }, { bearer });
  expect(page.photos).toEqual([]);
  expect(sent).toEqual([]);
});

test("nothing brings a deleted user back: uploads, quotas, late events", async () => {
  const owner = crypto.randomUUID();
  const { photo } = await library.upload(owner, await jpeg(10));
  await remove(owner);
  const ref = { photoId: photo?.id ?? "", ownerId: owner, sha256: photo?.sha256 ?? "" };
  await library.publish(events.photoTextRead, { photo: ref, lines: [] });
  expect(await reasonOf(library.upload(owner, await jpeg(11)))).toBe("ACCOUNT_DELETED");
  const quota = { userId: owner, quota: { bytes: 1 } };
  const bearer = await library.adminToken();
  expect(await reasonOf(library.client.setQuota(quota, { bearer }))).toBe("USER_NOT_FOUND");
  const { usage } = await library.client.getUserUsage({ userId: owner }, { bearer });
  expect(usage).toEqual({ photos: 0, bytes: 0, maxPhotos: 0, maxBytes: 0 });
  expect(await rowsOf(owner)).toEqual(nothing);
  await expectFilesMatchImages();
});

test("an upload under way when its owner is deleted stores nothing", async () => {
  const owner = crypto.randomUUID();
  const bytes = await jpeg(20);
  async function* slowly() {
    yield* unfinishedUpload(bytes);
    await remove(owner);
    yield { part: { $case: "end" as const, value: { sizeBytes: bytes.byteLength } } };
  }
  const bearer = await library.userToken(owner);
  expect(await reasonOf(library.client.uploadPhoto(slowly(), { bearer }))).toBe("ACCOUNT_DELETED");
  expect(await rowsOf(owner)).toEqual(nothing);
  await expectFilesMatchImages();
});

test("a deletion amid uploads of the same bytes by others takes no file from them", async () => {
  const [gone, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const files = await Promise.all(Array.from({ length: 24 }, (_, index) => jpeg(100 + index)));
  await Promise.all(files.slice(0, 16).map((bytes) => library.upload(gone, bytes)));
  const uploads = files.flatMap((bytes) => [
    library.upload(other, bytes),
    reasonOf(library.upload(gone, bytes)),
  ]);
  await Promise.all([...uploads, remove(gone)]);
  expect(await rowsOf(gone)).toEqual(nothing);
  expect((await rowsOf(other)).photos).toBe(24);
  await expectFilesMatchImages();
  const bearer = await library.userToken(other);
  const { photos } = await library.client.listPhotos({ pageSize: 100, pageToken: "" }, { bearer });
  for (const { id, sizeBytes } of photos) {
    expect((await library.download(other, id, RENDITION_ORIGINAL)).length).toBe(sizeBytes);
  }
});

test("thousands of photos go in many short transactions", async () => {
  const [gone, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const sha = "encode(sha256(n::text::bytea), 'hex')";
  await library.sql.query(`insert into library.images (sha256, media_type, width, height, size_bytes)
    select ${sha}, 'image/jpeg', 1, 1, 1 from generate_series(1, 3000) n`);
  await library.sql.query(`insert into library.photos (id, owner_id, sha256, filename, created_at, captured_at)
    select gen_random_uuid(), owner::uuid, ${sha}, 'a.jpg', now(), now()
    from generate_series(1, 3000) n, unnest(array['${gone}', '${other}']) owner
    where owner = '${gone}' or n % 3 = 0`);
  await library.sql.query(`insert into library.photo_stages (photo_id, owner_id, stage, status)
    select id, owner_id, 'ocr', 'SUCCEEDED' from library.photos where owner_id in ('${gone}', '${other}')`);
  const before = await library.count("images");
  await remove(gone);
  expect(await rowsOf(gone)).toEqual(nothing);
  expect(await rowsOf(other)).toMatchObject({ photos: 1000, photo_stages: 1000 });
  expect(await library.count("images")).toBe(before - 2000);
  expect(await library.count("loose_blobs")).toBe(0);
  await remove(other);
});

test("events and dead letters about the photos go too, those of others stay", async () => {
  const [gone, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const refs = [gone, other].map((ownerId) => ({ photoId: newEventId(), ownerId, sha256: "a".repeat(64) }));
  const payloads = refs.map((photo) => {
    // A stranger's id in a file name is no reason to lose the event.
    const message = events.photoReady.message.fromPartial({ photo, filename: gone });
    return Buffer.from(events.photoReady.message.encode(message).finish());
  });
  const letter = `insert into library.dead_letters (id, consumer, event_id, subject, payload, reason, message, attempts)
    select gen_random_uuid(), 'c', gen_random_uuid(), 's', $1, 'r', 'm', 1 from generate_series(1, $2::int)`;
  await library.sql.query(letter, [payloads[0], 1500]);
  await library.sql.query(letter, [payloads[1], 1500]);
  await library.sql.query(letter, [Buffer.of(), 1]);
  await library.upload(gone, await jpeg(30));
  await library.upload(other, await jpeg(31));
  await remove(gone);
  const left = async (table: string, owner: string) => {
    const query = `select count(*)::int as n from library.${table} where position($1::bytea in payload) > 0`;
    return (await library.sql.query<{ n: number }>(query, [Buffer.from(`\x12\x24${owner}`)])).rows[0]?.n;
  };
  expect([await left("outbox", gone), await left("outbox", other)]).toEqual([0, 1]);
  expect([await left("dead_letters", gone), await left("dead_letters", other)]).toEqual([0, 1500]);
  expect(await library.count("dead_letters")).toBe(1501);
  await library.sql.query("delete from library.dead_letters");
});

test("files that a crash left without an image are swept at the next start", async () => {
  const sha256 = "cd34".padEnd(64, "0");
  const folder = join(library.blobDir, "cd", "34");
  await mkdir(folder, { recursive: true });
  for (const suffix of ["", ".preview.jpg"]) await writeFile(join(folder, `${sha256}${suffix}`), "x");
  await library.sql.query(`insert into library.loose_blobs values ('${sha256}', '-infinity')`);
  await library.restart();
  await expectFilesMatchImages();
});

test("an event that names nobody is given up at once", async () => {
  await remove("everybody");
  expect(await library.count("dead_letters")).toBe(1);
});
