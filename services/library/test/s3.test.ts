import { AppError, loadSettings, Secret } from "@ocelli/chassis";
import { events, libraryV1 } from "@ocelli/contracts";
import { type S3Server, startS3Server } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { BlobStore, StoredBlob } from "../src/blobs/blob-store.ts";
import { openBlobStore } from "../src/blobs/open-blob-store.ts";
import { blobSettings } from "../src/settings/blob-settings.ts";
import { type LibraryUnderTest, nativeDatabase, startLibrary } from "./library-under-test.ts";
import { jpeg } from "./photos-for-tests.ts";

const { RENDITION_ORIGINAL, RENDITION_PREVIEW, RENDITION_THUMBNAIL } = libraryV1.Rendition;
let server: S3Server;
let library: LibraryUnderTest;
let bucket: BlobStore;

beforeAll(async () => {
  server = await startS3Server();
  library = await startLibrary(
    {
      blobStore: "s3",
      s3Endpoint: server.endpoint,
      s3Bucket: server.bucket,
      s3Prefix: "ocelli/",
      s3AccessKeyId: server.accessKeyId,
      s3SecretAccessKey: new Secret(server.secretAccessKey),
    },
    nativeDatabase,
  );
  bucket = await openBlobStore(
    loadSettings(blobSettings, {
      BLOB_STORE: "s3",
      LIBRARY_DATA: library.blobDir,
      S3_ENDPOINT: server.endpoint,
      S3_BUCKET: server.bucket,
      S3_PREFIX: "ocelli/",
      S3_ACCESS_KEY_ID: server.accessKeyId,
      S3_SECRET_ACCESS_KEY: server.secretAccessKey,
    }),
  );
});
afterAll(async () => {
  await bucket?.close();
  await library?.stop();
  await server?.stop();
});

async function objects(): Promise<string[]> {
  const found: StoredBlob[] = [];
  for await (const blob of bucket.list()) found.push(blob);
  return found.map(({ key }) => `${key.sha256} ${key.kind}`).sort();
}

test("bytes that two owners share stay until both are gone", async () => {
  const [one, other] = [crypto.randomUUID(), crypto.randomUUID()];
  const bytes = await jpeg(1);
  const { photo } = await library.upload(one, bytes);
  const { photo: theirs } = await library.upload(other, bytes);
  expect(await objects()).toEqual(
    ["original", "preview", "thumbnail"].map((kind) => `${photo?.sha256} ${kind}`),
  );
  expect((await library.files()).length).toBe(0);
  await library.publish(events.userDeleted, { userId: one });
  expect(await objects()).toHaveLength(3);
  expect((await library.download(other, theirs?.id ?? "", RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
  await library.publish(events.userDeleted, { userId: other });
  expect(await objects()).toEqual([]);
});

test("a lost rendition is made again from the object", async () => {
  const owner = crypto.randomUUID();
  const { photo } = await library.upload(owner, await jpeg(2));
  const sha256 = photo?.sha256 ?? "";
  const before = await library.download(owner, photo?.id ?? "", RENDITION_PREVIEW);
  const original = await library.download(owner, photo?.id ?? "", RENDITION_ORIGINAL);
  await bucket.remove(sha256);
  const pending = await bucket.createPending();
  await pending.write(original);
  await pending.commit({ sha256, kind: "original" });
  expect((await library.download(owner, photo?.id ?? "", RENDITION_PREVIEW)).equals(before)).toBe(true);
  expect((await library.download(owner, photo?.id ?? "", RENDITION_THUMBNAIL)).length).toBeGreaterThan(100);
});

test("while the server is away uploads are refused as such, nothing is stored, and later all is well", async () => {
  const owner = crypto.randomUUID();
  const bytes = await jpeg(3);
  await server.down();
  const reason = await library.upload(owner, bytes).then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
  expect(reason).toBe("BLOB_STORE_UNAVAILABLE");
  const { rows } = await library.sql.query("select from library.photos where owner_id = $1", [owner]);
  expect(rows).toHaveLength(0);
  await server.up();
  const { photo, duplicate } = await library.upload(owner, bytes);
  expect(duplicate).toBe(false);
  expect((await library.download(owner, photo?.id ?? "", RENDITION_ORIGINAL)).equals(bytes)).toBe(true);
});
