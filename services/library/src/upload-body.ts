import { createHash } from "node:crypto";
import { invalidArgument, maxChunkBytes, tooLarge } from "@ocelli/chassis";
import type { PendingBlob } from "./blobs/blob-store.ts";
import { headBytes } from "./images/sniff.ts";
import { quotaExceeded } from "./quotas.ts";

/** A body that has arrived as a whole. */
export interface ReceivedBody {
  /** Lower-case hex. */
  sha256: string;
  sizeBytes: number;
  /** The first bytes, for telling the format. */
  head: Uint8Array;
}

/** Sizes at which a body is cut off. */
export interface BodyLimits {
  /** Largest photo of the installation. */
  maxBytes: number;
  /** What cannot fit into the owner's quota, come what may. */
  quotaBytes: number;
}

/**
 * Writes a body to disk while hashing and counting it; memory holds one chunk and the head.
 * @throws AppError RESOURCE_EXHAUSTED/{FILE_TOO_LARGE,QUOTA_EXCEEDED} as soon as a limit is passed,
 *   INVALID_ARGUMENT/{EMPTY_FILE,CHUNK_TOO_LARGE}.
 */
export async function receiveBody(
  chunks: AsyncIterable<Uint8Array>,
  blob: PendingBlob,
  limits: BodyLimits,
): Promise<ReceivedBody> {
  const hash = createHash("sha256");
  const head: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of chunks) {
    if (chunk.byteLength > maxChunkBytes) {
      throw invalidArgument("CHUNK_TOO_LARGE", `A chunk may have at most ${maxChunkBytes} bytes.`);
    }
    // Copied: a view would keep the whole chunk in memory for as long as the upload lasts.
    if (size < headBytes) head.push(chunk.slice(0, headBytes - size));
    size += chunk.byteLength;
    if (size > limits.maxBytes) {
      throw tooLarge("FILE_TOO_LARGE", `The file is larger than ${limits.maxBytes} bytes.`);
    }
    if (size > limits.quotaBytes) throw quotaExceeded();
    hash.update(chunk);
    await blob.write(chunk);
  }
  if (size === 0) throw invalidArgument("EMPTY_FILE", "The file is empty.");
  return { sha256: hash.digest("hex"), sizeBytes: size, head: Buffer.concat(head) };
}
