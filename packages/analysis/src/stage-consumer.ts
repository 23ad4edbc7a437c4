import {
  type AppError,
  appendEvent,
  type BusEvent,
  type DeletedOwnerTables,
  decodeEvent,
  dropDeadLetter,
  type EventHandler,
  type EventTables,
  isDeletedOwner,
  type ServiceHost,
} from "@ocelli/chassis";
import { type EventType, events, type eventsV1, photoStageFailed } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import { isPhotoGone } from "./photo-gone.ts";

/** Result of a stage with where it came from. */
export interface StageOutcome<Result> {
  result: Result;
  /** Model ids and versions. */
  model: string;
  /** Milliseconds spent; 0 when the result was reused from the same bytes. */
  ms: number;
}

/** The event that starts a stage. */
export type StageEvent = BusEvent;

/** One analysis stage as a service describes it. */
export interface StageDefinition<Tables extends EventTables, Result> {
  /** Name in the stage tree. */
  stage: string;
  /** Model ids and versions that decide whether an earlier result of the same bytes can be reused. */
  model: string;
  /** Subjects that start the stage, beside `library.photo.requested`, which starts every stage that it names. */
  triggers: readonly string[];
  /** The photo an event of {@link triggers} is about; undefined skips the event. */
  photoOf(event: StageEvent): eventsV1.PhotoRef | undefined;
  /**
   * An earlier result of the same bytes by the same model, whoever owns the photo it was made for. Not asked when the
   * stage was requested again.
   */
  findBySha256(sha256: string): Promise<Result | undefined>;
  /** Runs the models. */
  analyze(photo: eventsV1.PhotoRef, event: StageEvent, signal: AbortSignal): Promise<Result>;
  /** True when the photo is gone, after which nothing of it is stored; holds until the transaction ends. */
  isDeleted(trx: Transaction<Tables>, photo: eventsV1.PhotoRef): Promise<boolean>;
  /** Stores the result and appends the event that ends the stage, all in the given transaction. */
  save(trx: Transaction<Tables>, photo: eventsV1.PhotoRef, outcome: StageOutcome<Result>): Promise<void>;
  /** Photos that are not to be looked at; none when absent. */
  skip?: StageSkip<Tables>;
  /** Stages that {@link save} ends, too: given up with this one, as far as they were asked for. */
  alsoEnds?: readonly string[];
}

/** How a stage ends for photos that it is not to look at. */
export interface StageSkip<Tables extends EventTables> {
  /** Asked before anything of the photo is fetched, reused or shared. */
  applies(photo: eventsV1.PhotoRef): Promise<boolean>;
  /** Appends the event that ends the stage, in the given transaction. */
  save(trx: Transaction<Tables>, photo: eventsV1.PhotoRef): Promise<void>;
}

/** How stages of a service share the machine. */
export interface StageLimits {
  /** Photos in hand at once, per stage. */
  concurrency: number;
  /** Attempts before a photo's stage is FAILED. */
  maxAttempts: number;
}

// A stage that fails for a passing reason is tried again after these waits.
const backoffMs = [500, 2_000, 10_000, 30_000];

/**
 * Runs a stage for every triggering event: reuse or analyse, store once, say how it ended. Requested again, it is
 * analysed again, whatever is stored of the same bytes.
 */
export function consumeStage<Tables extends DeletedOwnerTables, Result>(
  host: ServiceHost<Tables>,
  service: string,
  stage: StageDefinition<Tables, Result>,
  limits: StageLimits,
): void {
  const inFlight = new Map<string, Promise<StageOutcome<Result>>>();

  /** Same bytes are analysed once, also when several photos of them arrive together. */
  async function outcomeOf(
    { photo, requested }: StageStart,
    run: () => Promise<Result>,
  ): Promise<StageOutcome<Result>> {
    const key = requested ? `requested ${photo.sha256}` : photo.sha256;
    for (let running = inFlight.get(key); running; running = inFlight.get(key)) {
      try {
        return { ...(await running), ms: 0 };
      } catch (error) {
        // That the photo which is being analysed is gone says nothing about this one of the same bytes.
        if (!isPhotoGone(error)) throw error;
      }
    }
    const earlier = requested ? undefined : () => stage.findBySha256(photo.sha256);
    const outcome = reuseOrRun(stage.model, earlier, run).finally(() => inFlight.delete(key));
    inFlight.set(key, outcome);
    return outcome;
  }

  const consumer = `${service}-${stage.stage}`;
  const handle: EventHandler<Tables> = async (event, context) => {
    const start = startOf(stage, event);
    if (!start) return;
    const { photo } = start;
    const { skip } = stage;
    if (skip && (await skip.applies(photo))) {
      await context.once(async (trx) => {
        if (!(await stage.isDeleted(trx, photo))) await skip.save(trx, photo);
      });
      return;
    }
    try {
      const outcome = await outcomeOf(start, () => stage.analyze(photo, event, context.signal));
      await context.once(async (trx) => {
        if (!(await stage.isDeleted(trx, photo))) await stage.save(trx, photo, outcome);
      });
    } catch (error) {
      // A photo deleted while its analysis waited is no failure: there is nothing left to say about it.
      if (!isPhotoGone(error)) throw error;
    }
  };
  const subjects = [...stage.triggers, events.photoStagesRequested.subject];
  host.consume({
    consumer,
    filter: filterOf(subjects),
    concurrency: limits.concurrency,
    maxDeliver: limits.maxAttempts,
    backoffMs,
    // By subject: what else the filter lets through is passed over without touching the store.
    handlers: Object.fromEntries(subjects.map((subject) => [subject, handle])),
    async onGiveUp(trx, event, error, attempts) {
      const photo = startOf(stage, event)?.photo;
      if (!photo) return;
      // Nobody is left to be told, and the dead letter would keep what the event says of the photo.
      if (await isDeletedOwner(trx, photo.ownerId)) {
        await dropDeadLetter(trx, consumer, event.id);
        return;
      }
      for (const name of stagesGivenUp(stage, event)) {
        await appendStageFailed(trx, service, name, photo, error, attempts);
      }
    },
  });
}

/** What an event asks of a stage. */
interface StageStart {
  photo: eventsV1.PhotoRef;
  /** True when an earlier result must not be taken for it. */
  requested: boolean;
}

function startOf<Tables extends EventTables, Result>(
  stage: StageDefinition<Tables, Result>,
  event: StageEvent,
): StageStart | undefined {
  const again = requestedPhoto(event, stage.stage);
  if (again) return { photo: again, requested: true };
  const photo = stage.triggers.includes(event.subject) ? stage.photoOf(event) : undefined;
  return photo && { photo, requested: false };
}

/** The stage and those that end with it; of those only what was asked for, where the event says what that is. */
function stagesGivenUp<Tables extends EventTables, Result>(
  { stage, alsoEnds = [] }: StageDefinition<Tables, Result>,
  event: StageEvent,
): string[] {
  if (event.subject !== events.photoStagesRequested.subject) return [stage, ...alsoEnds];
  const { stages } = decodeEvent(events.photoStagesRequested, event);
  return [stage, ...alsoEnds.filter((name) => stages.includes(name))];
}

/** The photo for which an event asks to run a stage again, if it is such an event. */
export function requestedPhoto(event: StageEvent, stage: string): eventsV1.PhotoRef | undefined {
  if (event.subject !== events.photoStagesRequested.subject) return undefined;
  const { photo, stages } = decodeEvent(events.photoStagesRequested, event);
  return stages.includes(stage) ? photo : undefined;
}

/** The narrowest filter of whole subjects: a durable consumer has one. */
function filterOf(subjects: readonly string[]): string {
  const services = new Set(subjects.map((subject) => subject.split(".")[1]));
  return `ocelli.${services.size === 1 ? [...services][0] : "*"}.photo.*`;
}

async function reuseOrRun<Result>(
  model: string,
  earlier: (() => Promise<Result | undefined>) | undefined,
  run: () => Promise<Result>,
): Promise<StageOutcome<Result>> {
  const found = await earlier?.();
  if (found !== undefined) return { result: found, model, ms: 0 };
  const startedAt = performance.now();
  const result = await run();
  return { result, model, ms: performance.now() - startedAt };
}

/** Says, in the caller's transaction, that a service gave up a stage of a photo. */
export async function appendStageFailed<Tables extends EventTables>(
  trx: Transaction<Tables>,
  service: string,
  stage: string,
  photo: eventsV1.PhotoRef,
  error: AppError,
  attempts: number,
): Promise<void> {
  const message = { photo, stage, reason: error.reason, message: error.message, attempts };
  await appendEvent(trx, { type: photoStageFailed(service), message });
}

/** `photoOf` for stages that start with exactly one kind of event. */
export function photoOfTrigger<Trigger extends { photo: eventsV1.PhotoRef | undefined }>(
  trigger: EventType<Trigger>,
) {
  return (event: StageEvent): eventsV1.PhotoRef | undefined =>
    event.subject === trigger.subject ? decodeEvent(trigger, event).photo : undefined;
}
