import { AppError, invalidArgument, withArrivalLimits } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc-common";

/** An upload stream taken apart. */
export interface UploadStream {
  info: libraryV1.UploadInfo;
  chunks: AsyncIterable<Uint8Array>;
}

/**
 * Reads the opening message of an upload; the rest follows as chunks.
 * @throws AppError INVALID_ARGUMENT/{INVALID_UPLOAD,UPLOAD_STALLED} when the messages come in another order or not
 *   at all, CANCELLED/UPLOAD_INCOMPLETE when no end comes; here and while the chunks are read.
 */
export async function openUpload(
  requests: AsyncIterable<libraryV1.UploadPhotoRequest>,
  idleTimeoutMs: number,
): Promise<UploadStream> {
  const messages = withArrivalLimits(requests, { idleMs: idleTimeoutMs });
  const first = await messages.next();
  if (first.done || first.value.part?.$case !== "info") {
    await messages.return(undefined);
    throw invalidArgument("INVALID_UPLOAD", "The first message of an upload must be its info.");
  }
  return { info: first.value.part.value, chunks: chunksOf(messages) };
}

async function* chunksOf(messages: AsyncIterable<libraryV1.UploadPhotoRequest>): AsyncGenerator<Uint8Array> {
  let sizeBytes = 0;
  for await (const { part } of messages) {
    if (part?.$case === "end") {
      if (part.value.sizeBytes !== sizeBytes) throw incompleteUpload();
      return;
    }
    if (part?.$case !== "chunk") {
      throw invalidArgument("INVALID_UPLOAD", "After its info, an upload consists of chunks and an end.");
    }
    sizeBytes += part.value.byteLength;
    yield part.value;
  }
  // A call that was cancelled or whose connection broke ends the stream here just as a finished one would.
  throw incompleteUpload();
}

function incompleteUpload(): AppError {
  return new AppError({
    code: Status.CANCELLED,
    reason: "UPLOAD_INCOMPLETE",
    message: "The upload ended before the file was complete.",
  });
}
