import { type Database, detached, type HandlerContext, type Relay, type Runtime } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import type { FeedHints } from "./feed.ts";
import { timeOfId } from "./job.ts";
import { advanceJob, type JobStep } from "./job-work.ts";
import type { StageObserver } from "./library-metrics.ts";
import { appendFeed } from "./store/feed.ts";
import { findAsked, findWatchers, type ItemEnd, type OpenStage } from "./store/job-ends.ts";
import { noteProgress } from "./store/job-sweeps.ts";
import { lockJob } from "./store/jobs.ts";
import { type EventClaim, endKnownStage, endStage, type StageEnd, stageData } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

type Trx = Transaction<LibraryTables>;

/** What {@link createJobProgress} stands on. */
export interface JobProgressOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  feed: FeedHints;
  log: Runtime["log"];
  now: () => Date;
  /** Photos of one job asked for at once. */
  window: number;
  /** Told of every stage that ended, for metrics. */
  onStageEnd?: StageObserver;
}

/** What moves stages and jobs on. */
export interface JobProgress {
  /** Writes how a stage of a photo ended, and what follows from it for the jobs that wait for it; once per event. */
  end(end: StageEnd, claim: EventClaim, once: HandlerContext<LibraryTables>["once"]): Promise<void>;
  /** Ends some stages of a job and begins what there is room for, in the caller's transaction; see {@link advanceJob}. */
  advance(
    trx: Trx,
    jobId: string,
    ends: readonly ItemEnd[],
    thorough?: boolean,
  ): Promise<JobStep | undefined>;
  /** To be called once a transaction that advanced jobs has committed: wakes who waits, and begins what is left to begin. */
  committed(jobId: string, step: JobStep | undefined): void;
  /** Waits until nothing goes on in the background. */
  stop(): Promise<void>;
}

// How far a stage has come need not be known to the second; writing it each time would make all wait for one row.
const noteEveryMs = 2_000;

/** Creates the part of a library that counts ended stages. */
export function createJobProgress(options: JobProgressOptions): JobProgress {
  const { database, relay, feed, log, now, window } = options;
  const { db } = database;
  const noted = new Map<string, number>();
  const filling = new Map<string, Promise<void>>();
  let stopped = false;

  const advance: JobProgress["advance"] = async (trx, jobId, ends, thorough = false) => {
    const job = await lockJob(trx, jobId);
    return job && advanceJob(trx, job, ends, { window, thorough });
  };

  async function fill(jobId: string): Promise<void> {
    try {
      for (let more = true; more && !stopped; ) {
        const step = await db.transaction().execute((trx) => advance(trx, jobId, []));
        relay.kick();
        if (step) feed.hint(step.ownerId, step.entryId);
        more = step?.more ?? false;
      }
    } catch (error) {
      // The next sweep goes on with it.
      log.warn({ err: error, jobId }, "the next photos of a job could not be asked for");
    }
  }

  function committed(jobId: string, step: JobStep | undefined): void {
    relay.kick();
    if (!step) return;
    feed.hint(step.ownerId, step.entryId);
    if (!step.more || stopped || filling.has(jobId)) return;
    filling.set(
      jobId,
      detached(() => fill(jobId)).finally(() => filling.delete(jobId)),
    );
  }

  async function note(stage: string, askedAt: Date | undefined): Promise<void> {
    const at = now().getTime();
    if (!askedAt || at - (noted.get(stage) ?? 0) < noteEveryMs) return;
    noted.set(stage, at);
    // A time from the future would make everything look passed over.
    await noteProgress(db, stage, new Date(Math.min(askedAt.getTime(), at))).catch(() => noted.delete(stage));
  }

  /** What jobs know of the stage, and how it stands for them now that it has ended. */
  async function endKnown(trx: Trx, end: StageEnd) {
    const waiting = await findWaiting(trx, end);
    const jobIds = [...new Set(waiting.map(({ jobId }) => jobId))].sort();
    for (const jobId of jobIds) await lockJob(trx, jobId);
    const stage = await endKnownStage(trx, end);
    // Again, now that nobody can begin to watch it any more; what ended meanwhile is passed over.
    const open = await findWaiting(trx, end);
    const steps = new Map<string, JobStep>();
    for (const jobId of new Set(open.map((each) => each.jobId))) {
      const ends = open.filter((each) => each.jobId === jobId).map((each) => toItemEnd(each, end));
      const step = await advance(trx, jobId, ends);
      if (step) steps.set(jobId, step);
    }
    const entry = { type: "photo.stage", subjectId: end.photoId, data: stageData(end) };
    const entryId = stage?.changed ? await appendFeed(trx, end.ownerId, [entry]) : 0;
    return { steps, entryId, askedAt: open[0]?.askedAt };
  }

  return {
    async end(end, claim, once) {
      const entryId = end.run ? undefined : await endStage(db, end, claim);
      if (entryId !== undefined) {
        if (entryId > 0) options.onStageEnd?.(end);
        feed.hint(end.ownerId, entryId);
        return note(end.stage, timeOfId(end.photoId));
      }
      let ended: Awaited<ReturnType<typeof endKnown>> | undefined;
      await once(async (trx) => {
        ended = await endKnown(trx, end);
      });
      if (!ended) return;
      if (ended.entryId > 0) options.onStageEnd?.(end);
      feed.hint(end.ownerId, ended.entryId);
      for (const [jobId, step] of ended.steps) committed(jobId, step);
      await note(end.stage, end.run ? ended.askedAt : timeOfId(end.photoId));
    },
    advance,
    committed,
    async stop() {
      stopped = true;
      await Promise.all(filling.values());
    },
  };
}

/** The job that asked for the stage, and all that watch it. */
async function findWaiting(trx: Trx, { photoId, stage, run }: StageEnd): Promise<OpenStage[]> {
  const asked = run && (await findAsked(trx, run, photoId, stage));
  const watchers = await findWatchers(trx, photoId, stage);
  return asked ? [asked, ...watchers.filter(({ jobId }) => jobId !== asked.jobId)] : watchers;
}

function toItemEnd(
  { position, stage }: OpenStage,
  { status, attempts, error, model, ms }: StageEnd,
): ItemEnd {
  return { position, stage, status, attempts, error, model, ms };
}
