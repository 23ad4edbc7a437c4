import { invalidArgument } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";

/** An upload stream taken apart. */
export interface UploadStream {
  info: libraryV1.UploadInfo;
  chunks: AsyncIterable<Uint8Array>;
}

/**
 * Reads the opening message of an upload; the rest follows as chunks.
 * @throws AppError INVALID_ARGUMENT/INVALID_UPLOAD when the messages come in another order.
 */
export async function openUpload(
  requests: AsyncIterable<libraryV1.UploadPhotoRequest>,
): Promise<UploadStream> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done || first.value.part?.$case !== "info") {
    throw invalidArgument("INVALID_UPLOAD", "The first message of an upload must be its info.");
  }
  return { info: first.value.part.value, chunks: chunksOf(iterator) };
}

async function* chunksOf(iterator: AsyncIterator<libraryV1.UploadPhotoRequest>): AsyncGenerator<Uint8Array> {
  for (let next = await iterator.next(); !next.done; next = await iterator.next()) {
    const { part } = next.value;
    if (part?.$case !== "chunk") {
      throw invalidArgument("INVALID_UPLOAD", "After its info, an upload consists of chunks.");
    }
    yield part.value;
  }
}
