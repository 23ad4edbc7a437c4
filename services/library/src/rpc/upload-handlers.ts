import { type IdentityContext, invalidArgument, requireUser, withArrivalLimits } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { StoredUpload } from "../store/uploads.ts";
import type { Uploads } from "../uploads.ts";
import { toPhotoMessage } from "./mappers.ts";

/** The rules behind the RPCs, and what transport itself bounds. */
export interface UploadHandlersOptions {
  uploads: Uploads;
  /** Longest silence within an append. */
  uploadIdleTimeoutMs: number;
}

/** UploadService over the rules. */
export function createUploadHandlers({
  uploads,
  uploadIdleTimeoutMs,
}: UploadHandlersOptions): libraryV1.UploadServiceImplementation<IdentityContext> {
  return {
    async createUpload(draft, { identity }) {
      return { upload: toUploadMessage(await uploads.create(requireUser(identity), draft)) };
    },
    async getUpload({ uploadId }, { identity }) {
      return { upload: toUploadMessage(await uploads.get(requireUser(identity), uploadId)) };
    },
    async appendUpload(requests, { identity }) {
      const ownerId = requireUser(identity);
      const messages = withArrivalLimits(requests, { idleMs: uploadIdleTimeoutMs });
      const first = await messages.next();
      if (first.done || first.value.part?.$case !== "info") {
        await messages.return(undefined);
        throw invalidArgument("INVALID_UPLOAD", "The first message must say where the bytes belong.");
      }
      return { offset: await uploads.append(ownerId, first.value.part.value, chunksOf(messages)) };
    },
    async finishUpload({ uploadId }, { identity }) {
      const { photo, duplicate } = await uploads.finish(requireUser(identity), uploadId);
      return { photo: toPhotoMessage(photo), duplicate };
    },
    async deleteUpload({ uploadId }, { identity }) {
      await uploads.delete(requireUser(identity), uploadId);
      return {};
    },
  };
}

/** A call that broke ends as one that is over: what came counts either way. */
async function* chunksOf(messages: AsyncIterable<libraryV1.AppendUploadRequest>): AsyncGenerator<Uint8Array> {
  for await (const { part } of messages) {
    if (part?.$case !== "chunk") throw invalidArgument("INVALID_UPLOAD", "After its info come chunks only.");
    yield part.value;
  }
}

function toUploadMessage(upload: StoredUpload): libraryV1.Upload {
  return {
    id: upload.id,
    sizeBytes: upload.size_bytes,
    offset: upload.offset_bytes,
    filename: upload.filename,
    albumId: upload.album_id ?? "",
    expiresAt: upload.expires_at,
    photoId: upload.photo_id ?? "",
  };
}
