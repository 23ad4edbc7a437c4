import type { RpcClient } from "@ocelli/chassis";
import type { eventsV1, libraryV1 } from "@ocelli/contracts";
import type { Engine, RgbImage } from "@ocelli/inference";
import { isPhotoGone } from "./photo-gone.ts";

/** Gives the decoded preview of a stored photo. */
export interface PreviewSource {
  /**
   * Fetches and decodes the preview; services of one process share one decode.
   * @throws AppError NOT_FOUND/PHOTO_NOT_FOUND when the photo was deleted meanwhile.
   */
  open(photo: eventsV1.PhotoRef, stages: readonly string[], signal: AbortSignal): Promise<RgbImage>;
}

/** Settings of {@link createPreviewSource}. */
export interface PreviewSourceOptions {
  engine: Engine;
  library: RpcClient<typeof libraryV1.LibraryServiceDefinition>;
  /** Deadline of one fetch. */
  fetchTimeoutMs: number;
}

/** Creates a source that asks the library service, acting for the photo's owner. */
export function createPreviewSource(options: PreviewSourceOptions): PreviewSource {
  const { engine, library, fetchTimeoutMs } = options;

  async function fetchPreview(photo: eventsV1.PhotoRef, stages: readonly string[], signal: AbortSignal) {
    const parts: Uint8Array[] = [];
    const responses = library.fetchForAnalysis(
      { photoId: photo.photoId, stages: [...stages] },
      { actingUser: photo.ownerId, deadline: fetchTimeoutMs, signal },
    );
    for await (const { chunk } of responses) parts.push(chunk);
    return Buffer.concat(parts);
  }

  return {
    async open(photo, stages, signal) {
      for (;;) {
        let fetched = false;
        try {
          return await engine.decode(photo.sha256, () => {
            fetched = true;
            return fetchPreview(photo, stages, signal);
          });
        } catch (error) {
          // The decode we joined was for another photo of the same bytes, which is gone; ours may be there.
          if (fetched || !isPhotoGone(error)) throw error;
        }
      }
    },
  };
}
