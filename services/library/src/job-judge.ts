import { stages as stageTree } from "@ocelli/contracts";
import type { Standing } from "./store/job-sweeps.ts";

/** See the settings of the same names. */
export interface LeaseLimits {
  stageLeaseMs: number;
  maxJobRequeues: number;
}

/** What is to be done about a stage. */
export type Verdict = { kind: "wait" } | { kind: "again"; why: string } | { kind: "give-up"; error: string };

/** Says of a stage, asked for at some time, what is to be done. */
export type Judge = (stage: Standing, askedAt: Date | undefined) => Verdict;

/**
 * A stage is lost when it has not moved within the lease and its service either says nothing at all, or has come to
 * what was asked for later. Behind a backlog it merely waits: asking again would only make the backlog longer.
 */
export function createJudge({ stageLeaseMs, maxJobRequeues }: LeaseLimits): Judge {
  return (stage, askedAt) => {
    if (stage.restMs < stageLeaseMs) return { kind: "wait" };
    const silent = stage.silentMs === null || stage.silentMs > stageLeaseMs;
    const passedOver = askedAt !== undefined && stage.frontier !== null && stage.frontier > askedAt;
    if (!silent && !passedOver) return { kind: "wait" };
    const service = stageTree.find(({ name }) => name === stage.stage)?.service ?? "unknown";
    const cause = silent
      ? `SERVICE_SILENT: The ${service} service says nothing of the stage ${stage.stage}.`
      : `NO_ANSWER: No consumer answered for the stage ${stage.stage}, which the ${service} service runs for other photos.`;
    const why = stage.error || cause;
    return stage.requeues < maxJobRequeues ? { kind: "again", why } : { kind: "give-up", error: why };
  };
}
