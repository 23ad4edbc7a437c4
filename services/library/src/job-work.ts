import { appendEvent } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import { formatRun, isEnded } from "./job.ts";
import { type PhotoFacts, toPhotoReady } from "./photo-facts.ts";
import { appendJobUpdate } from "./store/feed.ts";
import {
  type AskedStage,
  askNext,
  beginItems,
  type FoundStage,
  type NewItemStage,
  nextItems,
  type WaitingItem,
  watchStages,
} from "./store/job-dispatch.ts";
import { endItemStages, finishJob, type ItemEnd } from "./store/job-ends.ts";
import { type LockedJob, lockJob } from "./store/jobs.ts";
import { findFacts } from "./store/photo-facts.ts";
import type { LibraryTables } from "./store/tables.ts";

type Trx = Transaction<LibraryTables>;

/** What became of a job in a transaction. */
export interface JobStep {
  ownerId: string;
  /** Id of the newest entry of the owner's feed; 0 when none was added. */
  entryId: number;
  /** There is room for more photos of the job, and this transaction has done its share. */
  more: boolean;
}

// Photos of which all is there already end at once and make room for the next; this many rounds per transaction.
const roundsAtOnce = 4;

/**
 * Takes a locked job on: ends the given stages, asks for what comes after them, begins further photos up to the window,
 * and ends the job when nothing is open any more. All that follows from it is part of the transaction. Only the photos
 * concerned are looked at, unless `thorough`: then all that are in flight.
 */
export async function advanceJob(
  trx: Trx,
  job: LockedJob,
  ends: readonly ItemEnd[],
  { window, thorough }: { window: number; thorough: boolean },
): Promise<JobStep> {
  // Whoever looks at a job while it ends comes when all has been told.
  const over = job.status === "SUCCEEDED" || job.status === "FAILED";
  if (over && ends.length === 0) return { ownerId: job.ownerId, entryId: 0, more: false };
  await endItemStages(trx, job.id, ends);
  const positions = thorough ? "all" : [...new Set(ends.map(({ position }) => position))];
  let more = false;
  if (!isEnded(job.status)) {
    await request(trx, job, await askNext(trx, job, positions));
    more = await beginNext(trx, job, window);
  }
  const end = await finishJob(trx, job.id);
  if (end) await appendEvent(trx, { type: events.jobFinished, message: { jobId: job.id, ...end } });
  return { ownerId: job.ownerId, entryId: await tellOwner(trx, job), more };
}

/** A stage that will not be run, because the job was cancelled. */
export function cancelled(stage: { position: number; stage: string }): ItemEnd {
  return { ...stage, status: "SKIPPED", cancelled: true, attempts: 0, error: "", model: "", ms: 0 };
}

/** Begins photos until the window is full; true when there may be room for more. */
async function beginNext(trx: Trx, job: LockedJob, window: number): Promise<boolean> {
  for (let round = 0; round < roundsAtOnce; round += 1) {
    const { inFlight, open } = (await lockJob(trx, job.id)) ?? job;
    const room = Math.min(window - inFlight, open - inFlight);
    if (room <= 0) return false;
    const items = await nextItems(trx, job.id, room);
    if (items.length === 0) return false;
    await begin(trx, job, items);
  }
  return true;
}

async function begin(trx: Trx, job: LockedJob, items: readonly WaitingItem[]): Promise<void> {
  const photoIds = items.map(({ photoId }) => photoId);
  const photos = new Set((await findFacts(trx, job.ownerId, photoIds)).map(({ id }) => id));
  const unbegun = items.filter(({ begun }) => !begun);
  const found = await watchStages(
    trx,
    job,
    unbegun.map(({ photoId }) => photoId),
  );
  const stageOf = (photoId: string, stage: string) =>
    found.find((each) => each.photoId === photoId && each.stage === stage);
  const stages = unbegun.flatMap((item) =>
    job.stages.map((stage) => newStage(item, stage, stageOf(item.photoId, stage))),
  );
  const positions = items.map(({ position }) => position);
  await beginItems(trx, job, positions, stages);
  const gone = items.filter(({ photoId }) => !photos.has(photoId));
  const ends = [
    ...gone.flatMap(({ position }) => job.stages.map((stage) => photoGone({ position, stage }))),
    ...unbegun.flatMap((item) =>
      job.stages.flatMap((stage) => endedBefore(job, item, stageOf(item.photoId, stage)) ?? []),
    ),
  ];
  await endItemStages(trx, job.id, ends);
  await request(trx, job, await askNext(trx, job, positions));
}

function newStage(item: WaitingItem, stage: string, found: FoundStage | undefined): NewItemStage {
  const asked = found?.watched ? "WATCHED" : "NO";
  return { position: item.position, photo_id: item.photoId, stage, asked };
}

/** What is there already, where that is enough. */
function endedBefore(
  job: LockedJob,
  { position }: WaitingItem,
  found: FoundStage | undefined,
): ItemEnd | undefined {
  if (!job.onlyMissing || found?.status !== "SUCCEEDED") return undefined;
  const { stage, attempts, model, ms } = found;
  return { position, stage, status: "SUCCEEDED", attempts, error: "", model, ms };
}

/** A stage of a photo that was deleted, or lies in the trash. */
export function photoGone(stage: { position: number; stage: string }): ItemEnd {
  const error = "PHOTO_NOT_FOUND: The photo was deleted.";
  return { ...stage, status: "FAILED", attempts: 0, error, model: "", ms: 0 };
}

/**
 * Asks the services: one event per photo. For what is merely watched it is asked as if nobody had before, so that what
 * comes after it follows by itself.
 */
export async function request(
  trx: Trx,
  job: LockedJob,
  asked: readonly AskedStage[],
  as: "job" | "first-analysis" = "job",
): Promise<void> {
  if (asked.length === 0) return;
  const by = as === "job" ? { requestId: formatRun({ jobId: job.id, run: job.run }) } : {};
  const stagesOf = Map.groupBy(asked, ({ photoId }) => photoId);
  for (const photo of await findFacts(trx, job.ownerId, [...stagesOf.keys()])) {
    const stages = (stagesOf.get(photo.id) ?? []).map(({ stage }) => stage);
    await requestStages(trx, photo, stages, { ...by, jobId: job.id });
  }
}

/** Appends `library.photo.requested` for some stages of a photo. */
export async function requestStages(
  trx: Trx,
  facts: PhotoFacts,
  stages: readonly string[],
  by: { requestId?: string; jobId: string },
): Promise<void> {
  const ready = toPhotoReady(facts, by.requestId);
  await appendEvent(trx, {
    type: events.photoStagesRequested,
    message: { photo: ready.photo, stages: [...stages], jobId: by.jobId, ready },
  });
}

/** Last in a transaction: others of the owner wait for the feed. */
async function tellOwner(trx: Trx, { id, ownerId }: LockedJob): Promise<number> {
  const job = await lockJob(trx, id);
  if (!job) return 0;
  const { kind, status, done, failed, total, error } = job;
  const data = { kind, progress: { done, failed, total }, error };
  return appendJobUpdate(trx, { ownerId, jobId: id, status, data });
}
