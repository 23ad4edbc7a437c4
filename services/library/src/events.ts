import { type EventHandler, type HandlerContext, typedHandler } from "@ocelli/chassis";
import {
  type commonV1,
  type EventType,
  events,
  type eventsV1,
  photoStageFailed,
  type Stage,
  stages as stageTree,
} from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { countingFaces } from "./face-counts.ts";
import { parseRun } from "./job.ts";
import type { JobProgress } from "./job-progress.ts";
import type { StageEnd } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

/** Subjects that the library listens to: everything that happens to photos. */
export const photoEventsFilter = "ocelli.*.photo.*";

/** What every event that ends a stage well carries. */
interface ProducedEvent {
  photo: eventsV1.PhotoRef | undefined;
  provenance: commonV1.Provenance | undefined;
  /** True when the stage does not apply to the photo. */
  skipped?: boolean;
}

type Handler = EventHandler<LibraryTables>;
type Store = Kysely<LibraryTables>;
/** Writes how a stage ended and tells of it. */
type EndStage = (
  end: StageEnd,
  eventId: string,
  once: HandlerContext<LibraryTables>["once"],
) => Promise<void>;

/** Durable name of the library's consumer of {@link photoEventsFilter}. */
export const stagesConsumer = "library-stages";

const maxErrorLength = 500;

/**
 * Handlers that keep stage states, made from the stage tree: one per event that ends a stage, one per service that
 * can give a stage up. Other subjects, the library's own included, are passed over without touching the store.
 */
export function stageHandlers(db: Store, progress: Pick<JobProgress, "end">): Record<string, Handler> {
  const write: EndStage = (end, eventId, once) =>
    progress.end(end, { consumer: stagesConsumer, eventId }, once);
  const handlers: Record<string, Handler> = {};
  for (const stage of stageTree) {
    handlers[stage.produces] = succeededHandler(write, stage);
    handlers[photoStageFailed(stage.service).subject] ??= failedHandler(write, stage.service);
  }
  const scanned = handlers[events.photoFacesScanned.subject];
  if (scanned) handlers[events.photoFacesScanned.subject] = countingFaces(db, stagesConsumer, scanned);
  return handlers;
}

function succeededHandler(write: EndStage, stage: Stage): Handler {
  const type: EventType<object> | undefined = Object.values(events).find(
    ({ subject }) => subject === stage.produces,
  );
  if (!type) throw new Error(`no event type for ${stage.produces}, which ends the stage ${stage.name}`);
  return typedHandler(type, async (message, { once }, { id }) => {
    const end = isProducedEvent(message) ? toEnd(stage, message) : undefined;
    if (end) await write(end, id, once);
  });
}

function failedHandler(write: EndStage, service: string): Handler {
  return typedHandler(photoStageFailed(service), async (message, { once }, { id }) => {
    const end = toFailure(service, message);
    if (end) await write(end, id, once);
  });
}

function isProducedEvent(message: object): message is ProducedEvent {
  return "photo" in message && "provenance" in message;
}

function toEnd(stage: Stage, { photo, provenance, skipped }: ProducedEvent): StageEnd | undefined {
  if (!photo) return undefined;
  return {
    photoId: photo.photoId,
    ownerId: photo.ownerId,
    stage: stage.name,
    status: skipped ? "SKIPPED" : "SUCCEEDED",
    attempts: skipped ? 0 : 1,
    error: "",
    model: provenance?.model ?? "",
    ms: provenance?.ms ?? 0,
    run: parseRun(photo.requestId),
  };
}

/** A service can only give up stages that it runs. */
function toFailure(service: string, failed: eventsV1.PhotoStageFailed): StageEnd | undefined {
  const stage = stageTree.find((each) => each.name === failed.stage && each.service === service);
  if (!failed.photo || !stage) return undefined;
  return {
    photoId: failed.photo.photoId,
    ownerId: failed.photo.ownerId,
    stage: stage.name,
    status: "FAILED",
    attempts: failed.attempts,
    error: `${failed.reason}: ${failed.message}`.slice(0, maxErrorLength),
    model: "",
    ms: 0,
    run: parseRun(failed.photo.requestId),
  };
}
