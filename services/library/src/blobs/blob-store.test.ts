import { mkdtemp, readdir, rm, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { loadSettings } from "@ocelli/chassis";
import { type S3Server, startS3Server } from "@ocelli/testkit";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { blobSettings } from "../settings/blob-settings.ts";
import type { BlobKey, BlobStore, ByteRange, StoredBlob } from "./blob-store.ts";
import { openBlobStore } from "./open-blob-store.ts";

let directory: string;
let server: S3Server;
let blobs: BlobStore;
let round = 0;

const hash = (start: string) => start.padEnd(64, "0");
const key: BlobKey = { sha256: hash("ab12"), kind: "original" };

/** The settings of a server that is up, with what a test changes. */
function s3Environment(changes: Record<string, string> = {}): Record<string, string> {
  return {
    BLOB_STORE: "s3",
    LIBRARY_DATA: directory,
    S3_ENDPOINT: server.endpoint,
    S3_BUCKET: server.bucket,
    S3_PREFIX: `round-${round}/`,
    S3_ACCESS_KEY_ID: server.accessKeyId,
    S3_SECRET_ACCESS_KEY: server.secretAccessKey,
    ...changes,
  };
}

const open = (env: Record<string, string>) => openBlobStore(loadSettings(blobSettings, env));

async function put(store: BlobStore, at: BlobKey, bytes: Uint8Array): Promise<void> {
  const pending = await store.createPending();
  for (let offset = 0; offset < bytes.length; offset += 65_536)
    await pending.write(bytes.subarray(offset, offset + 65_536));
  await pending.sync();
  await pending.commit(at);
  await pending.discard();
}

async function read(store: BlobStore, at: BlobKey, range?: ByteRange) {
  const blob = await store.open(at, range);
  if (!blob) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of blob.chunks()) chunks.push(chunk);
  await blob.close();
  expect(Math.max(0, ...chunks.map((chunk) => chunk.byteLength))).toBeLessThanOrEqual(65_536);
  return { sizeBytes: blob.sizeBytes, bytes: Buffer.concat(chunks) };
}

async function all(store: BlobStore): Promise<StoredBlob[]> {
  const found: StoredBlob[] = [];
  for await (const blob of store.list()) found.push(blob);
  return found;
}

beforeAll(async () => {
  server = await startS3Server();
});
afterAll(() => server?.stop());
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), "ocelli-blobs-"));
  round += 1;
});
afterEach(async () => {
  await blobs?.close();
  await rm(directory, { recursive: true, force: true });
});

describe.each(["directory", "s3"] as const)("the %s blob store", (name) => {
  beforeEach(async () => {
    blobs = await open(name === "s3" ? s3Environment() : { LIBRARY_DATA: directory });
  });

  test("keeps bytes under their hash, gives them back, and leaves nothing in its temporary folder", async () => {
    const bytes = Buffer.alloc(150_000, "ocelli");
    expect(await blobs.has(key)).toBe(false);
    expect(await blobs.open(key)).toBeUndefined();
    expect(await blobs.open(key, { offset: 0, length: 0 })).toBeUndefined();
    await put(blobs, key, bytes);
    expect(await blobs.has(key)).toBe(true);
    expect(await blobs.has({ ...key, kind: "preview" })).toBe(false);
    expect(await read(blobs, key)).toEqual({ sizeBytes: 150_000, bytes });
    await put(blobs, key, bytes);
    expect((await read(blobs, key))?.bytes.equals(bytes)).toBe(true);
    expect(await readdir(blobs.temporaryFolder)).toEqual([]);
    await blobs.check();
  });

  test("keeps large and empty ones", async () => {
    const large = Buffer.alloc(18_000_001);
    for (let at = 0; at < large.length; at += 997) large[at] = at % 251;
    await put(blobs, key, large);
    const found = await read(blobs, key);
    expect([found?.sizeBytes, found?.bytes.equals(large)]).toEqual([18_000_001, true]);
    await put(blobs, { ...key, kind: "preview" }, Buffer.alloc(0));
    expect(await read(blobs, { ...key, kind: "preview" })).toEqual({ sizeBytes: 0, bytes: Buffer.alloc(0) });
  });

  test.each([
    [{ offset: 10 }, 10, 100],
    [{ offset: 0, length: 1 }, 0, 1],
    [{ offset: 40, length: 20 }, 40, 60],
    [{ offset: 90, length: 1000 }, 90, 100],
    [{ offset: 50, length: 0 }, 50, 50],
    [{ offset: 100 }, 100, 100],
    [{ offset: 5000, length: 3 }, 100, 100],
  ])("reads the range %o", async (range, first, end) => {
    const bytes = Buffer.from(Array.from({ length: 100 }, (_, index) => index));
    await put(blobs, key, bytes);
    expect(await read(blobs, key, range)).toEqual({ sizeBytes: 100, bytes: bytes.subarray(first, end) });
  });

  test("lists and removes", async () => {
    const other = hash("cd34");
    await put(blobs, key, Buffer.from("original"));
    await put(blobs, { ...key, kind: "preview" }, Buffer.from("preview"));
    await put(blobs, { ...key, kind: "thumbnail" }, Buffer.from("thumb"));
    await put(blobs, { sha256: other, kind: "original" }, Buffer.from("other"));
    const found = await all(blobs);
    expect(found.map((each) => [each.key.kind, each.sizeBytes]).sort()).toEqual([
      ["original", 5],
      ["original", 8],
      ["preview", 7],
      ["thumbnail", 5],
    ]);
    expect(Math.abs(Date.now() - (found[0]?.modifiedAt.getTime() ?? 0))).toBeLessThan(60_000);
    const opened = await blobs.open(key);
    await blobs.remove(key.sha256);
    await blobs.remove(key.sha256);
    await opened?.close();
    expect((await all(blobs)).map((each) => each.key)).toEqual([{ sha256: other, kind: "original" }]);
  });

  test("knows no other names than hashes", async () => {
    for (const bad of ["../../etc/passwd", "", "AB".repeat(32), `${key.sha256}/x`]) {
      await expect(blobs.open({ sha256: bad, kind: "original" })).rejects.toThrow("SHA-256");
    }
  });

  test("what is given up leaves nothing", async () => {
    const pending = await blobs.createPending();
    await pending.write(Buffer.from("x"));
    await pending.discard();
    await pending.discard();
    expect([await all(blobs), await readdir(blobs.temporaryFolder)]).toEqual([[], []]);
  });

  test("removes what a killed process left behind, not uploads of now nor those that can be resumed", async () => {
    const twoHoursAgo = new Date(Date.now() - 2 * 3_600_000);
    for (const file of ["old", "resumable.part"]) {
      await writeFile(join(blobs.temporaryFolder, file), "x");
      await utimes(join(blobs.temporaryFolder, file), twoHoursAgo, twoHoursAgo);
    }
    const pending = await blobs.createPending();
    await blobs.removeLeftovers();
    expect(await readdir(blobs.temporaryFolder)).toHaveLength(2);
    await pending.discard();
    expect(await readdir(blobs.temporaryFolder)).toEqual(["resumable.part"]);
  });
});

describe("an S3 server that cannot be used", () => {
  const refusal = (env: Record<string, string>) =>
    open(env).then(
      () => "accepted",
      (error: unknown) => (error instanceof Error ? `${error.name} ${error.message}` : ""),
    );

  test("is said in one line that names the setting", async () => {
    expect(await refusal(s3Environment({ S3_BUCKET: "nowhere" }))).toMatch(
      /ConfigError .*S3_BUCKET: there is no bucket "nowhere"/,
    );
    const wrongSecret = await refusal(s3Environment({ S3_SECRET_ACCESS_KEY: "wrong-secret-value" }));
    expect(wrongSecret).toMatch(/ConfigError .*S3_ACCESS_KEY_ID/);
    expect(wrongSecret).not.toMatch(/wrong-secret-value|\n/);
    expect(await refusal(s3Environment({ S3_ACCESS_KEY_ID: "UNKNOWN" }))).toMatch(/S3_ACCESS_KEY_ID/);
    expect(await refusal(s3Environment({ S3_ENDPOINT: "http://127.0.0.1:1" }))).toMatch(
      /S3_ENDPOINT: http:\/\/127.0.0.1:1 does not answer \(ECONNREFUSED\)/,
    );
    expect(await refusal({ BLOB_STORE: "s3", LIBRARY_DATA: directory })).toMatch(/S3_BUCKET is required/);
    expect(await refusal(s3Environment({ S3_ACCESS_KEY_ID: "" }))).toMatch(/set both or neither/);
  });

  test("goes away and comes back: what is asked meanwhile fails as unavailable, and nothing is lost", async () => {
    blobs = await open(s3Environment());
    await put(blobs, key, Buffer.from("before"));
    await server.down();
    const unavailable = { reason: "BLOB_STORE_UNAVAILABLE" };
    await expect(blobs.check()).rejects.toMatchObject(unavailable);
    await expect(blobs.has(key)).rejects.toMatchObject(unavailable);
    await expect(blobs.open(key)).rejects.toMatchObject(unavailable);
    await expect(blobs.remove(key.sha256)).rejects.toMatchObject(unavailable);
    const pending = await blobs.createPending();
    await pending.write(Buffer.from("meanwhile"));
    const late: BlobKey = { sha256: hash("ef"), kind: "original" };
    await expect(pending.commit(late)).rejects.toMatchObject(unavailable);
    await server.up();
    await pending.commit(late);
    await pending.discard();
    expect((await read(blobs, late))?.bytes.toString()).toBe("meanwhile");
    expect((await read(blobs, key))?.bytes.toString()).toBe("before");
    await blobs.check();
  });

  test("that dies while it sends breaks the read, never ends it early", async () => {
    blobs = await open(s3Environment());
    await put(blobs, key, Buffer.alloc(8_000_000));
    const blob = await blobs.open(key);
    const chunks = blob?.chunks()[Symbol.asyncIterator]();
    await chunks?.next();
    await server.down();
    await expect(
      (async () => {
        for (let next = await chunks?.next(); next && !next.done; next = await chunks?.next());
      })(),
    ).rejects.toMatchObject({ reason: "BLOB_STORE_UNAVAILABLE" });
    await server.up();
  });
});
