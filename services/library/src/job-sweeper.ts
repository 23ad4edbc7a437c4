import { appendEvent, type Database, type Relay, type Runtime } from "@ocelli/chassis";
import { photoStageFailed, stages as stageTree } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import type { FeedHints } from "./feed.ts";
import { isEnded, timeOfId } from "./job.ts";
import { createJudge, type Judge } from "./job-judge.ts";
import type { JobProgress } from "./job-progress.ts";
import { cancelled, photoGone, request, requestStages } from "./job-work.ts";
import { appendFeed } from "./store/feed.ts";
import type { ItemEnd } from "./store/job-ends.ts";
import {
  countRequeues,
  findWaited,
  type LooseStage,
  purgeJobs,
  requeueStages,
  takeJobs,
  takeLooseStages,
  type WaitedStage,
} from "./store/job-sweeps.ts";
import { type LockedJob, lockJob } from "./store/jobs.ts";
import { findFacts } from "./store/photo-facts.ts";
import { endKnownStage, type StageEnd, stageData } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

type Trx = Transaction<LibraryTables>;

/** What {@link createJobSweeper} stands on. */
export interface JobSweeperOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  feed: FeedHints;
  progress: Pick<JobProgress, "advance" | "committed">;
  log: Runtime["log"];
  limits: JobSweepLimits;
}

/** See the settings of the same names. */
export interface JobSweepLimits {
  stageLeaseMs: number;
  maxJobRequeues: number;
  jobSweepMs: number;
  jobRetentionMs: number;
}

/** Looks after what does not move by itself. */
export interface JobSweeper {
  start(): void;
  /** One round: jobs, stages of no job, jobs that ended long ago. Each step is bounded and a transaction of its own. */
  sweep(): Promise<void>;
  stop(): Promise<void>;
}

const jobsAtOnce = 50;
const stagesAtOnce = 200;
const purgesAtOnce = 5;
const firstId = "00000000-0000-0000-0000-000000000000";

/** Creates the sweeper of a library. Any number of replicas may sweep at once. */
export function createJobSweeper(options: JobSweeperOptions): JobSweeper {
  const { database, relay, feed, progress, log, limits } = options;
  const { db } = database;
  const judge = createJudge(limits);
  let cursor = firstId;
  let timer: NodeJS.Timeout | undefined;
  let sweeping = Promise.resolve();
  let stopped = false;

  async function sweepJobs(): Promise<void> {
    for (const jobId of await takeJobs(db, limits.jobSweepMs / 2, jobsAtOnce)) {
      if (stopped) return;
      const step = await db.transaction().execute(async (trx) => {
        const job = await lockJob(trx, jobId);
        return job && progress.advance(trx, jobId, await sweepJob(trx, job, judge), true);
      });
      progress.committed(jobId, step);
    }
  }

  /** Photos in turn, some in each round: a deep backlog is looked through over many rounds. */
  async function sweepLoose(): Promise<void> {
    const entries = await db.transaction().execute(async (trx) => {
      const found = await takeLooseStages(trx, cursor, limits.stageLeaseMs, stagesAtOnce);
      cursor = found.length < stagesAtOnce ? firstId : (found.at(-1)?.photoId ?? firstId);
      return settleLoose(trx, found, judge);
    });
    relay.kick();
    for (const [ownerId, entryId] of entries) feed.hint(ownerId, entryId);
  }

  async function sweep(): Promise<void> {
    await sweepJobs();
    await sweepLoose();
    for (let round = 0; round < purgesAtOnce && !stopped; round += 1) {
      if (!(await purgeJobs(db, limits.jobRetentionMs))) return;
    }
  }

  function schedule(): void {
    if (stopped) return;
    timer = setTimeout(() => {
      sweeping = sweep()
        .catch((error: unknown) => log.warn({ err: error }, "jobs could not be looked at; trying again"))
        .finally(schedule);
    }, limits.jobSweepMs);
    timer.unref();
  }

  return {
    start: schedule,
    sweep,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await sweeping;
    },
  };
}

/** Looks at what a locked job waits for. @returns what ended. */
async function sweepJob(trx: Trx, job: LockedJob, judge: Judge): Promise<ItemEnd[]> {
  const ends: ItemEnd[] = [];
  const again: WaitedStage[] = [];
  let why = "";
  for (const stage of await findWaited(trx, job.id)) {
    const settled = settledBefore(stage);
    if (settled) {
      ends.push(settled);
      continue;
    }
    const askedAt = stage.asked === "REQUESTED" ? stage.askedAt : timeOfId(stage.photoId);
    const verdict = judge(stage, askedAt);
    if (verdict.kind === "wait") continue;
    // What runs of a cancelled job may finish; what does not is let go.
    if (isEnded(job.status)) ends.push(cancelled(stage));
    else if (verdict.kind === "again") {
      again.push(stage);
      why = verdict.why;
    } else ends.push(await giveUp(trx, job, stage, verdict.error));
  }
  if (again.length > 0) await requeue(trx, job, again, why);
  return ends;
}

/** The photo is gone, or what was watched has ended without the job having been told. */
function settledBefore(stage: WaitedStage): ItemEnd | undefined {
  const { position, stage: name, photoStatus: status, attempts, error, model, ms } = stage;
  if (status === null) return photoGone({ position, stage: name });
  const ended = status === "SUCCEEDED" || status === "FAILED" || status === "SKIPPED";
  if (stage.asked !== "WATCHED" || !ended) return undefined;
  return { position, stage: name, status, attempts, error, model, ms };
}

async function requeue(trx: Trx, job: LockedJob, stages: readonly WaitedStage[], why: string): Promise<void> {
  await requeueStages(
    trx,
    job.id,
    stages.map(({ position, stage }) => ({ position, stage })),
    why.slice(0, maxErrorLength),
  );
  await request(
    trx,
    job,
    stages.filter(({ asked }) => asked === "REQUESTED"),
  );
  await request(
    trx,
    job,
    stages.filter(({ asked }) => asked === "WATCHED"),
    "first-analysis",
  );
}

const maxErrorLength = 500;

/** A stage of a job that nobody ends. What is stored of the photo already stays. */
async function giveUp(
  trx: Trx,
  job: LockedJob,
  { position, photoId, stage }: WaitedStage,
  error: string,
): Promise<ItemEnd> {
  const attempts = 0;
  const end = { ownerId: job.ownerId, photoId, stage, error, attempts };
  await failPhotoStage(trx, end);
  return { position, stage, status: "FAILED", attempts, error, model: "", ms: 0 };
}

/**
 * Fails a photo's own stage unless it succeeded, and says so in the name of the service that does not: what comes after
 * the stage waits for that event.
 */
async function failPhotoStage(
  trx: Trx,
  { ownerId, photoId, stage, error, attempts }: Omit<StageEnd, "status" | "model" | "ms" | "run">,
): Promise<StageEnd | undefined> {
  const failed = { ownerId, photoId, stage, error: error.slice(0, maxErrorLength), attempts };
  const end: StageEnd = { ...failed, status: "FAILED", model: "", ms: 0, run: undefined };
  if (!(await endKnownStage(trx, end))?.changed) return undefined;
  const service = stageTree.find(({ name }) => name === stage)?.service ?? "unknown";
  const [photo] = await findFacts(trx, ownerId, [photoId]);
  const [reason = "", ...message] = end.error.split(": ");
  await appendEvent(trx, {
    type: photoStageFailed(service),
    message: {
      photo: { photoId, ownerId, sha256: photo?.sha256 ?? "" },
      stage,
      reason,
      message: message.join(": "),
      attempts,
    },
  });
  return end;
}

/** Asks again for stages of no job, or gives them up. @returns the newest feed entry of each owner. */
async function settleLoose(
  trx: Trx,
  found: readonly LooseStage[],
  judge: Judge,
): Promise<Map<string, number>> {
  const again: LooseStage[] = [];
  const failed: StageEnd[] = [];
  for (const stage of found) {
    const verdict = judge(stage, timeOfId(stage.photoId));
    if (verdict.kind === "again") again.push(stage);
    if (verdict.kind !== "give-up") continue;
    const end = await failPhotoStage(trx, { ...stage, error: verdict.error, attempts: 0 });
    if (end) failed.push(end);
  }
  if (again.length > 0) await countRequeues(trx, again);
  const byOwner = Map.groupBy(again, ({ ownerId }) => ownerId);
  for (const [ownerId, stages] of byOwner) {
    const stagesOf = Map.groupBy(stages, ({ photoId }) => photoId);
    for (const photo of await findFacts(trx, ownerId, [...stagesOf.keys()])) {
      const names = (stagesOf.get(photo.id) ?? []).map(({ stage }) => stage);
      await requestStages(trx, photo, names, { jobId: "" });
    }
  }
  return tellOwners(trx, failed);
}

/** Owners in the order of their ids: several feeds are locked. */
async function tellOwners(trx: Trx, failed: readonly StageEnd[]): Promise<Map<string, number>> {
  const newest = new Map<string, number>();
  const byOwner = [...Map.groupBy(failed, ({ ownerId }) => ownerId)].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [ownerId, ends] of byOwner) {
    const entries = ends.map((end) => ({
      type: "photo.stage",
      subjectId: end.photoId,
      data: stageData(end),
    }));
    newest.set(ownerId, await appendFeed(trx, ownerId, entries));
  }
  return newest;
}
