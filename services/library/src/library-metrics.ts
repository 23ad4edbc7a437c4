import type { Database, Metrics } from "@ocelli/chassis";
import { timeOfId } from "./job.ts";
import { countActiveJobs } from "./store/job-counts.ts";
import type { StageEnd } from "./store/stages.ts";
import type { LibraryTables } from "./store/tables.ts";

/** Is told of every stage that ended and was not known to have. */
export type StageObserver = (end: StageEnd) => void;

const outcomes = { SUCCEEDED: "succeeded", FAILED: "failed", SKIPPED: "skipped" } as const;
const states = ["QUEUED", "RUNNING", "STALLED"] as const;

/**
 * Measures how long photos wait for the stages of their analysis. Those that a job asked for again are left out: their
 * photo may be years old.
 */
export function measureStages(metrics: Pick<Metrics, "stageSeconds">, now: () => Date): StageObserver {
  return ({ photoId, stage, status, run }) => {
    const since = run ? undefined : timeOfId(photoId);
    if (!since) return;
    const seconds = Math.max(0, now().getTime() - since.getTime()) / 1000;
    metrics.stageSeconds.observe({ stage, outcome: outcomes[status] }, seconds);
  };
}

/** Reads how many jobs are in hand. */
export function sampleJobs(metrics: Pick<Metrics, "jobs">, { db }: Database<LibraryTables>) {
  return async () => {
    const counts = await countActiveJobs(db);
    for (const state of states) metrics.jobs.set({ state: state.toLowerCase() }, counts.get(state) ?? 0);
  };
}
