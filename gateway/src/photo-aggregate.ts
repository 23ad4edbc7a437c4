import type { AppError, Logger } from "@ocelli/chassis";
import type { z } from "zod";
import type { Clients } from "./clients.ts";
import type { Caller } from "./context.ts";
import { resultsFor } from "./known-people.ts";
import { orUnavailable, type PhotoResults, type ResultCallOptions } from "./photo-results.ts";
import { sharedResults } from "./shared-results.ts";
import { toPhotoView } from "./views/photo.ts";
import { required } from "./views/required.ts";
import type { photoResultSchema } from "./views/schemas.ts";

// A service that is down is tried once more, quickly: the answer must not wait for it.
const secondary = { retryMaxAttempts: 1, retryBaseDelayMs: 50 };

/**
 * A photo with everything the services know of it, all asked at once.
 * @throws AppError of the library; other services that cannot answer are named in `unavailable`.
 */
export async function fetchPhotoResult(
  deps: { clients: Pick<Clients, "library">; results: PhotoResults; log: Logger },
  photoId: string,
  caller: Pick<Caller, "userId" | "scopes">,
  options: ResultCallOptions,
): Promise<z.infer<typeof photoResultSchema>> {
  const unavailable = new Set<string>();
  const report = (service: string, error: AppError) => {
    unavailable.add(service);
    // Whoever asked has left: nothing is wrong.
    if (!options.signal?.aborted) deps.log.warn({ err: error, upstream: service }, "result left out");
  };
  const others = { ...options, ...secondary };
  const fetchAll = (results: PhotoResults) =>
    Promise.all([
      orUnavailable("captioning", results.caption(photoId, others), report),
      orUnavailable("captioning", results.text(photoId, others), report),
      orUnavailable("face", results.faces(photoId, others), report),
      orUnavailable("scene", results.scene(photoId, others), report),
    ]);
  const [answer, own] = await Promise.all([
    deps.clients.library.getPhoto({ photoId }, options),
    fetchAll(resultsFor(caller, deps.results)),
  ]);
  const photo = required(answer.photo, "photo");
  // Nobody but the library says who may see a photo of somebody else: only now, and through this service's own token.
  const isShared = photo.ownerId !== caller.userId;
  const [caption, text, faces, scene] = isShared ? await fetchAll(sharedResults(deps.results, photo)) : own;
  return {
    ...toPhotoView(photo),
    caption,
    scene: scene?.scene ?? null,
    objects: scene?.objects ?? null,
    faces,
    text,
    colors: scene?.colors ?? null,
    unavailable: [...unavailable].sort(),
  };
}
