import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readFile } from "node:fs/promises";
import { HeadObjectCommand, PutObjectCommand, type S3Client } from "@aws-sdk/client-s3";

const mebibyte = 1024 * 1024;
/** Up to here an object is put in one piece, which memory holds, so that the SDK can send it again. */
const singleBytes = 8 * mebibyte;
/** Parts of one large object that are under way at once, each in memory. */
const partsAtOnce = 2;
// S3 allows 10,000.
const mostParts = 9_000;

/**
 * Puts a local file under a name; the server refuses bytes that changed on the way: their SHA-256 is part of the
 * signature of every request. Doing so again changes nothing.
 */
export async function putFile(
  client: S3Client,
  object: { Bucket: string; Key: string },
  { path, sizeBytes }: { path: string; sizeBytes: number },
): Promise<void> {
  if (sizeBytes <= singleBytes) {
    const bytes = await readFile(path);
    const ChecksumSHA256 = createHash("sha256").update(bytes).digest("base64");
    await client.send(new PutObjectCommand({ ...object, Body: bytes, ChecksumSHA256 }));
    return;
  }
  // Few photos are this large.
  const { Upload } = await import("@aws-sdk/lib-storage");
  const partSize = Math.max(singleBytes, Math.ceil(sizeBytes / mostParts));
  const body = createReadStream(path);
  try {
    const params = { ...object, Body: body };
    await new Upload({ client, params, partSize, queueSize: partsAtOnce }).done();
  } finally {
    body.destroy();
  }
  const { ContentLength } = await client.send(new HeadObjectCommand(object));
  if (ContentLength !== sizeBytes) throw new Error("the S3 server did not keep all of an object");
}
