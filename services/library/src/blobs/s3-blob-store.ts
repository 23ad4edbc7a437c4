import { randomUUID } from "node:crypto";
import { join, resolve } from "node:path";
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type S3Client,
} from "@aws-sdk/client-s3";
import { AppError } from "@ocelli/chassis";
import type { BlobConfig } from "../settings/blob-settings.ts";
import { blobName, parseBlobName } from "./blob-names.ts";
import type { BlobKey, BlobStore, OpenBlob, StoredBlob } from "./blob-store.ts";
import { createPendingFile, preparePending, removeLeftovers } from "./pending-files.ts";
import {
  explainS3,
  ignoreMissingObject,
  openS3Client,
  s3FailureOf,
  toStorageError,
} from "./s3-connection.ts";
import { openObject } from "./s3-object.ts";
import { putFile } from "./s3-put.ts";

const emptyBlob: Omit<OpenBlob, "sizeBytes"> = { async *chunks() {}, async close() {} };

/** A bucket, and where in it. */
interface Bucket {
  client: S3Client;
  name: string;
  prefix: string;
}

/**
 * Blobs as objects of an S3 bucket, named as files are in the directory store. What is on its way in lies in a local
 * folder until it is complete; then it is put as a whole, with its checksum, and is there only when the server has it.
 */
export function createS3BlobStore(config: BlobConfig & { s3Bucket: string }): BlobStore {
  const bucket: Bucket = { client: openS3Client(config), name: config.s3Bucket, prefix: config.s3Prefix };
  const { client } = bucket;
  const tmp = join(resolve(config.blobDir), "tmp");
  const at = (key: BlobKey) => ({ Bucket: bucket.name, Key: `${bucket.prefix}${blobName(key)}` });

  return {
    temporaryFolder: tmp,
    async prepare() {
      await preparePending(tmp);
      await tryOut(bucket).catch((error: unknown) => {
        throw explainS3(error, config);
      });
    },
    async check() {
      await client.send(new HeadBucketCommand({ Bucket: bucket.name })).catch(reject);
    },
    removeLeftovers: () => removeLeftovers(tmp),
    createPending: () => createPendingFile(tmp, (file, key) => putFile(client, at(key), file).catch(reject)),
    async has(key) {
      const found = await client.send(new HeadObjectCommand(at(key))).catch(ignoreMissingObject);
      return found !== undefined;
    },
    async open(key, range = { offset: 0 }) {
      if (range.length === 0) return sizeOnly(client, at(key));
      const isWhole = range.offset === 0 && range.length === undefined;
      const last = range.length === undefined ? "" : range.offset + range.length - 1;
      const request = { ...at(key), ...(isWhole ? {} : { Range: `bytes=${range.offset}-${last}` }) };
      try {
        return openObject(await client.send(new GetObjectCommand(request)), range);
      } catch (error) {
        // Nothing of it lies in the range.
        if (s3FailureOf(error).status === 416) return sizeOnly(client, at(key));
        return ignoreMissingObject(error);
      }
    },
    async remove(sha256) {
      // The original first: where it is, its renditions are too.
      for (const kind of ["original", "preview", "thumbnail"] as const) {
        await client.send(new DeleteObjectCommand(at({ sha256, kind }))).catch(ignoreMissingObject);
      }
    },
    list: () => listObjects(bucket),
    async close() {
      client.destroy();
    },
  };
}

function reject(error: unknown): never {
  throw error instanceof AppError ? error : toStorageError(error);
}

/** Does once what will be done all the time, so that a right that is missing is found at the start. */
async function tryOut({ client, name, prefix }: Bucket): Promise<void> {
  await client.send(new HeadBucketCommand({ Bucket: name }));
  const object = { Bucket: name, Key: `${prefix}check-${randomUUID()}` };
  await client.send(new PutObjectCommand({ ...object, Body: Buffer.from("ocelli") }));
  const { Body } = await client.send(new GetObjectCommand(object));
  await Body?.transformToByteArray();
  await client.send(new DeleteObjectCommand(object));
  // Whoever may not list is told that what is missing is forbidden, and missing blobs would look like a fault.
  const gone = await client.send(new HeadObjectCommand(object)).catch((error: unknown) => {
    if (s3FailureOf(error).status === 404) return undefined;
    throw error;
  });
  if (gone) throw new Error("a deleted object is still there");
}

async function sizeOnly(
  client: S3Client,
  object: { Bucket: string; Key: string },
): Promise<OpenBlob | undefined> {
  const found = await client.send(new HeadObjectCommand(object)).catch(ignoreMissingObject);
  return found && { ...emptyBlob, sizeBytes: found.ContentLength ?? 0 };
}

async function* listObjects({ client, name, prefix }: Bucket): AsyncGenerator<StoredBlob> {
  let token: string | undefined;
  do {
    const page = await client
      .send(new ListObjectsV2Command({ Bucket: name, Prefix: prefix, ContinuationToken: token }))
      .catch(reject);
    for (const { Key, Size, LastModified } of page.Contents ?? []) {
      const key = parseBlobName((Key ?? "").slice(prefix.length));
      if (key) yield { key, sizeBytes: Size ?? 0, modifiedAt: LastModified ?? new Date() };
    }
    token = page.IsTruncated ? page.NextContinuationToken : undefined;
  } while (token !== undefined);
}
