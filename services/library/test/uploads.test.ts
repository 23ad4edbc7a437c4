import { randomBytes } from "node:crypto";
import { readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { AppError, createRpcClient, maxChunkBytes, type RpcClientHandle } from "@ocelli/chassis";
import { events, libraryV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg, picture } from "./photos-for-tests.ts";

const { RENDITION_ORIGINAL } = libraryV1.Rendition;
let library: LibraryUnderTest;
let handle: RpcClientHandle<libraryV1.UploadServiceDefinition>;
let owner: string;
let bearer: string;

const connect = () => createRpcClient(libraryV1.UploadServiceDefinition, { address: library.address });

beforeAll(async () => {
  library = await startLibrary({ uploadIdleTimeoutMs: 2_000 }, nativeDatabase);
  handle = connect();
});
afterAll(async () => {
  handle?.close();
  await library?.stop();
});
beforeEach(async () => {
  owner = crypto.randomUUID();
  bearer = await library.userToken(owner);
});

async function create(
  sizeBytes: number,
  draft: Partial<libraryV1.CreateUploadRequest> = {},
): Promise<string> {
  const request = { sizeBytes, filename: "big.jpg", albumId: "", ...draft };
  const { upload } = await handle.client.createUpload(request, { bearer });
  return upload?.id ?? "";
}

async function* messages(uploadId: string, offset: number, bytes: Uint8Array) {
  yield { part: { $case: "info" as const, value: { uploadId, offset } } };
  for (let at = 0; at < bytes.byteLength; at += maxChunkBytes) {
    yield { part: { $case: "chunk" as const, value: bytes.subarray(at, at + maxChunkBytes) } };
  }
}

const append = async (uploadId: string, offset: number, bytes: Uint8Array) =>
  (await handle.client.appendUpload(messages(uploadId, offset, bytes), { bearer })).offset;
const offsetOf = async (uploadId: string) =>
  (await handle.client.getUpload({ uploadId }, { bearer })).upload?.offset;
const finish = (uploadId: string) => handle.client.finishUpload({ uploadId }, { bearer });
const parts = async () =>
  (await readdir(join(library.blobDir, "tmp"))).filter((name) => name.endsWith(".part"));

/** Waits until the library has written so many bytes of an upload, durable or not. */
async function arrived(uploadId: string, sizeBytes: number): Promise<void> {
  const path = join(library.blobDir, "tmp", `${uploadId}.part`);
  const sizeOf = async () => (await stat(path).catch(() => undefined))?.size;
  await expect.poll(sizeOf, { timeout: 10_000 }).toBe(sizeBytes);
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

/** A picture of some hundred kilobytes that is still one with anything behind it. */
async function large(seed: number, sizeBytes = 300_000): Promise<Buffer> {
  const image = await jpeg(seed);
  return Buffer.concat([image, randomBytes(sizeBytes - image.length)]);
}

test("a file in three pieces becomes the photo that one upload would have made", async () => {
  const bytes = await large(1);
  const id = await create(bytes.length, { filename: "../of\u0000ten.jpg" });
  expect(await append(id, 0, bytes.subarray(0, 100_000))).toBe(100_000);
  expect(await reasonOf(finish(id))).toBe("UPLOAD_INCOMPLETE");
  expect(await append(id, 100_000, bytes.subarray(100_000, 100_001))).toBe(100_001);
  expect(await append(id, 100_001, bytes.subarray(100_001))).toBe(bytes.length);
  const { photo, duplicate } = await finish(id);
  expect([duplicate, photo?.filename, photo?.sizeBytes]).toEqual([false, "often.jpg", bytes.length]);
  expect((await library.download(owner, photo?.id ?? "", RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
  expect(await finish(id)).toMatchObject({ duplicate: false, photo: { id: photo?.id } });
  const { upload } = await handle.client.getUpload({ uploadId: id }, { bearer });
  expect(upload).toMatchObject({ photoId: photo?.id, offset: bytes.length });
  expect(await reasonOf(append(id, bytes.length, Buffer.from("x")))).toBe("UPLOAD_FINISHED");
  expect(await parts()).toEqual([]);
  const again = await create(bytes.length);
  await append(again, 0, bytes);
  expect(await finish(again)).toMatchObject({ duplicate: true, photo: { id: photo?.id } });
});

test("wrong offsets change nothing", async () => {
  const id = await create(10);
  await append(id, 0, Buffer.from("01234"));
  for (const offset of [0, 4, 6, 11]) {
    expect(await reasonOf(append(id, offset, Buffer.from("xxxx")))).toBe("OFFSET_MISMATCH");
  }
  expect(await reasonOf(append(id, 5, Buffer.from("567890")))).toBe("UPLOAD_TOO_LONG");
  expect(await offsetOf(id)).toBe(5);
  expect(await append(id, 5, Buffer.from("56789"))).toBe(10);
  expect(await readFile(join(library.blobDir, "tmp", `${id}.part`), "utf8")).toBe("0123456789");
  await handle.client.deleteUpload({ uploadId: id }, { bearer });
  expect(await parts()).toEqual([]);
});

test("what arrived before a break is kept, also when the break is silence", async () => {
  const bytes = await large(2);
  const id = await create(bytes.length);
  const gone = new AbortController();
  async function* breaking() {
    yield* messages(id, 0, bytes.subarray(0, 131_072));
    await arrived(id, 131_072);
    gone.abort();
    await new Promise(() => undefined);
  }
  const broken = handle.client.appendUpload(breaking(), { bearer, signal: gone.signal });
  expect(await reasonOf(broken)).toBe("CANCELLED");
  async function* silent() {
    yield* messages(id, (await offsetOf(id)) ?? 0, bytes.subarray(131_072, 140_000));
    await new Promise(() => undefined);
  }
  await expect.poll(() => offsetOf(id)).toBe(131_072);
  expect(await reasonOf(handle.client.appendUpload(silent(), { bearer }))).toBe("UPLOAD_STALLED");
  expect(await offsetOf(id)).toBe(140_000);
  await append(id, 140_000, bytes.subarray(140_000));
  const { photo } = await finish(id);
  expect((await library.download(owner, photo?.id ?? "", RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
});

test("only one appends at a time", async () => {
  const id = await create(100);
  const proceed = Promise.withResolvers<void>();
  async function* slow() {
    yield* messages(id, 0, Buffer.alloc(10));
    await proceed.promise;
    yield { part: { $case: "chunk" as const, value: Buffer.alloc(10) } };
  }
  const first = handle.client.appendUpload(slow(), { bearer });
  await arrived(id, 10);
  expect(await reasonOf(append(id, 0, Buffer.alloc(5)))).toBe("UPLOAD_BUSY");
  proceed.resolve();
  expect((await first).offset).toBe(20);
  expect(await append(id, 20, Buffer.alloc(1))).toBe(21);
});

test("uploads of others do not exist, nor do those that expired", async () => {
  const id = await create(10);
  const mine = bearer;
  bearer = await library.userToken(crypto.randomUUID());
  for (const uploadId of [id, crypto.randomUUID(), "", "../../etc/passwd"]) {
    expect(await reasonOf(handle.client.getUpload({ uploadId }, { bearer }))).toBe("UPLOAD_NOT_FOUND");
    expect(await reasonOf(append(uploadId, 0, Buffer.from("x")))).toBe("UPLOAD_NOT_FOUND");
    expect(await reasonOf(finish(uploadId))).toBe("UPLOAD_NOT_FOUND");
    expect(await reasonOf(handle.client.deleteUpload({ uploadId }, { bearer }))).toBe("UPLOAD_NOT_FOUND");
  }
  bearer = mine;
  expect(await append(id, 0, Buffer.from("x"))).toBe(1);
  await library.sql.query("update library.uploads set expires_at = now() where id = $1", [id]);
  expect(await reasonOf(append(id, 1, Buffer.from("x")))).toBe("UPLOAD_NOT_FOUND");
});

test("quota, size, number and album are looked at before a byte is sent", async () => {
  for (const size of [0, -1, Number.MAX_SAFE_INTEGER]) {
    expect(await reasonOf(create(size))).toBe(size > 0 ? "FILE_TOO_LARGE" : "INVALID_UPLOAD");
  }
  expect(await reasonOf(create(1, { albumId: crypto.randomUUID() }))).toBe("ALBUM_NOT_FOUND");
  const all = await Promise.all(Array.from({ length: 25 }, () => reasonOf(create(5))));
  expect(all.filter((each) => each === "accepted")).toHaveLength(20);
  expect(all.filter((each) => each === "TOO_MANY_UPLOADS")).toHaveLength(5);
  const admin = await library.adminToken();
  await library.client.setQuota({ userId: owner, quota: { bytes: 4 } }, { bearer: admin });
  expect(await reasonOf(create(5))).toBe("QUOTA_EXCEEDED");
});

test("an album that was named gets the photo", async () => {
  const { album } = await library.albums.createAlbum(
    { name: "Trip", description: "", parentId: "", requestId: "" },
    { bearer },
  );
  const albumId = album?.id ?? "";
  const bytes = await jpeg(3);
  const id = await create(bytes.length, { albumId });
  await append(id, 0, bytes);
  const { photo } = await finish(id);
  const page = await library.client.listPhotos(
    { pageSize: 0, pageToken: "", filter: libraryV1.PhotoFilter.fromPartial({ albumId }) },
    { bearer },
  );
  expect(page.photos.map((each) => each.id)).toEqual([photo?.id]);
});

test("what is no picture is refused for good, alike each time, and its bytes are dropped", async () => {
  const id = await create(11);
  await append(id, 0, Buffer.from("hello world"));
  for (const _time of ["first", "second"]) expect(await reasonOf(finish(id))).toBe("UNSUPPORTED_MEDIA_TYPE");
  expect(await parts()).not.toContain(`${id}.part`);
});

test("an upload goes on after a restart, from what was durable", async () => {
  const bytes = await large(4);
  const id = await create(bytes.length);
  await append(id, 0, bytes.subarray(0, 150_000));
  // Written by a process that was killed before it could say so, beyond what it had said.
  const file = join(library.blobDir, "tmp", `${id}.part`);
  await writeFile(file, Buffer.concat([bytes.subarray(0, 150_000), Buffer.alloc(5_000, 1)]));
  const orphan = join(library.blobDir, "tmp", `${crypto.randomUUID()}.part`);
  await writeFile(orphan, "x");
  handle.close();
  await library.restart();
  handle = connect();
  expect(await offsetOf(id)).toBe(150_000);
  await append(id, 150_000, bytes.subarray(150_000));
  const { photo } = await finish(id);
  expect((await library.download(owner, photo?.id ?? "", RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
  await expect.poll(parts).not.toContain(orphan.split("/").at(-1));
});

test("an upload whose file is lost begins again", async () => {
  const bytes = await jpeg(5);
  const id = await create(bytes.length);
  await append(id, 0, bytes.subarray(0, 500));
  await rm(join(library.blobDir, "tmp", `${id}.part`));
  expect(await reasonOf(append(id, 500, bytes.subarray(500)))).toBe("OFFSET_MISMATCH");
  expect(await offsetOf(id)).toBe(0);
  await append(id, 0, bytes);
  expect((await finish(id)).photo?.sizeBytes).toBe(bytes.length);
});

test("a user who is deleted leaves no upload behind, and opens none", async () => {
  const id = await create(10);
  await append(id, 0, Buffer.from("01234"));
  await library.publish(events.userDeleted, { userId: owner });
  expect(await parts()).not.toContain(`${id}.part`);
  expect(await reasonOf(append(id, 5, Buffer.from("x")))).toBe("UPLOAD_NOT_FOUND");
  expect(await reasonOf(create(10))).toBe("ACCOUNT_DELETED");
});

test("finishing twice at once stores one photo", async () => {
  const bytes = await picture(6, { width: 2000, height: 1500 }).png().toBuffer();
  const id = await create(bytes.length);
  await append(id, 0, bytes);
  const answers = await Promise.allSettled([finish(id), finish(id), finish(id)]);
  const done = answers.flatMap((each) => (each.status === "fulfilled" ? [each.value.photo?.id] : []));
  expect(new Set(done).size).toBe(1);
  const { photo } = await finish(id);
  expect(photo?.id).toBe(done[0]);
});
