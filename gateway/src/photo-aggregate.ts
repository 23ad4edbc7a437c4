import type { AppError, Logger } from "@ocelli/chassis";
import { stages as stageTree } from "@ocelli/contracts";
import type { z } from "zod";
import type { Clients } from "./clients.ts";
import type { Caller } from "./context.ts";
import { resultsFor } from "./known-people.ts";
import { orUnavailable, type PhotoResults, type ResultCallOptions } from "./photo-results.ts";
import { sharedResults } from "./shared-results.ts";
import { toPhotoView } from "./views/photo.ts";
import { required } from "./views/required.ts";
import type { photoResultSchema, StageView } from "./views/schemas.ts";

// A service that is down is tried once more, quickly: the answer must not wait for it.
const secondary = { retryMaxAttempts: 1, retryBaseDelayMs: 50 };

/** What {@link fetchPhotoResult} needs. */
export interface PhotoAggregateDeps {
  readonly clients: Pick<Clients, "library">;
  readonly results: PhotoResults;
  readonly log: Logger;
  /** How long the results of one service are waited for; absent, as long as the photo itself. */
  readonly patienceMs?: number;
}

/**
 * A photo with everything the services know of it, all asked at once.
 * @throws AppError of the library; other services that cannot answer are named in `unavailable`.
 */
export async function fetchPhotoResult(
  deps: PhotoAggregateDeps,
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
  const { patienceMs } = deps;
  const others = { ...options, ...secondary, ...(patienceMs === undefined ? {} : { deadline: patienceMs }) };
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
  // Who could not be asked in this user's name says nothing about the second round.
  if (isShared) unavailable.clear();
  const [caption, text, faces, scene] = isShared ? await fetchAll(sharedResults(deps.results, photo)) : own;
  const view = toPhotoView(photo);
  return {
    ...view,
    stages: withAvailability(view.stages, unavailable),
    caption,
    scene: scene?.scene ?? null,
    objects: scene?.objects ?? null,
    faces,
    text,
    colors: scene?.colors ?? null,
    unavailable: [...unavailable].sort(),
  };
}

/** Stages whose service could not be asked may have ended well and show no result nevertheless: readers are told. */
function withAvailability(stages: Readonly<Record<string, StageView>>, unavailable: ReadonlySet<string>) {
  const missing = new Set(
    stageTree.filter(({ service }) => unavailable.has(service)).map(({ name }) => name),
  );
  const marked = Object.entries(stages).map(
    ([name, stage]) => [name, { ...stage, available: !missing.has(name) }] as const,
  );
  return Object.fromEntries(marked);
}
