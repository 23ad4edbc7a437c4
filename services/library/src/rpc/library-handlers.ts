import { type IdentityContext, requireService, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { IndexListing } from "../index-listing.ts";
import type { Ingest } from "../ingest.ts";
import type { Photos } from "../photos.ts";
import type { Quotas } from "../quotas.ts";
import type { Stages } from "../stages.ts";
import { closing } from "./closing.ts";
import { createIndexHandlers } from "./index-handlers.ts";
import { toBlobKind, toByteRange, toPhotoMessage } from "./mappers.ts";
import { toPageRequest } from "./photo-requests.ts";
import { openUpload } from "./upload-stream.ts";
import { createUsageHandlers } from "./usage-handlers.ts";

/** The rules behind the RPCs, and what transport itself bounds. */
export interface LibraryHandlersOptions {
  /** Longest silence within an upload. */
  uploadIdleTimeoutMs: number;
  ingest: Ingest;
  photos: Photos;
  stages: Stages;
  quotas: Quotas;
  listing: IndexListing;
}

/** LibraryService over the rules. */
export function createLibraryHandlers(
  options: LibraryHandlersOptions,
): libraryV1.LibraryServiceImplementation<IdentityContext> {
  const { ingest, photos, stages } = options;
  return {
    ...createUsageHandlers(options.quotas),
    ...createIndexHandlers(options.listing),
    async uploadPhoto(requests, { identity }) {
      const ownerId = requireUser(identity);
      const { info, chunks } = await openUpload(requests, options.uploadIdleTimeoutMs);
      const { photo, duplicate } = await ingest.upload({ ...info, ownerId, chunks });
      return { photo: toPhotoMessage(photo), duplicate };
    },
    async getPhoto({ photoId }, { identity }) {
      return { photo: toPhotoMessage(await photos.get(requireUser(identity), photoId)) };
    },
    async listPhotos(request, { identity }) {
      const found = await photos.list(requireUser(identity), toPageRequest(request));
      return { photos: found.photos.map(toPhotoMessage), nextPageToken: found.nextPageToken };
    },
    async *downloadPhoto({ photoId, rendition, offset, length }, { identity }) {
      const ownerId = requireUser(identity);
      const { mediaType, etag, blob } = await photos.open(
        ownerId,
        photoId,
        toBlobKind(rendition),
        toByteRange(offset, length),
      );
      yield* closing(blob, async function* send() {
        yield { part: { $case: "info", value: { mediaType, sizeBytes: blob.sizeBytes, etag } } } as const;
        for await (const value of blob.chunks()) yield { part: { $case: "chunk", value } } as const;
      });
    },
    async *fetchForAnalysis({ photoId, stages: names }, { identity }) {
      const ownerId = requireService(identity);
      const blob = await stages.fetch(ownerId, photoId, names);
      yield* closing(blob, async function* send() {
        for await (const chunk of blob.chunks()) yield { chunk };
      });
    },
  };
}
