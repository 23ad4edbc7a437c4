import { invalidArgument } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { withIdleTimeout } from "./idle-timeout.ts";

/** An upload stream taken apart. */
export interface UploadStream {
  info: libraryV1.UploadInfo;
  chunks: AsyncIterable<Uint8Array>;
}

/**
 * Reads the opening message of an upload; the rest follows as chunks.
 * @throws AppError INVALID_ARGUMENT/{INVALID_UPLOAD,UPLOAD_STALLED} when the messages come in another order or not
 *   at all, here and while the chunks are read.
 */
export async function openUpload(
  requests: AsyncIterable<libraryV1.UploadPhotoRequest>,
  idleTimeoutMs: number,
): Promise<UploadStream> {
  const messages = withIdleTimeout(requests, idleTimeoutMs);
  const first = await messages.next();
  if (first.done || first.value.part?.$case !== "info") {
    await messages.return(undefined);
    throw invalidArgument("INVALID_UPLOAD", "The first message of an upload must be its info.");
  }
  return { info: first.value.part.value, chunks: chunksOf(messages) };
}

async function* chunksOf(messages: AsyncIterable<libraryV1.UploadPhotoRequest>): AsyncGenerator<Uint8Array> {
  for await (const { part } of messages) {
    if (part?.$case !== "chunk") {
      throw invalidArgument("INVALID_UPLOAD", "After its info, an upload consists of chunks.");
    }
    yield part.value;
  }
}
