import { setTimeout as sleep } from "node:timers/promises";
import type { Logger } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { deleteTombstones } from "../store/grouping-faces.ts";
import {
  advanceRegrouping,
  claimRegrouping,
  finishRegrouping,
  type RegroupLease,
  type RegroupState,
  releaseRegroupings,
  requestDueRegroupings,
} from "../store/regroup-owners.ts";
import type { FaceTables } from "../store/tables.ts";
import { followedRevisions } from "./owner-indexes.ts";
import type { Regrouping } from "./regrouping.ts";

/** What {@link createRegroupWorker} stands on. */
export interface RegroupWorkerOptions {
  db: Kysely<FaceTables>;
  /** Whose embeddings are compared. */
  model: string;
  regrouping: Regrouping;
  /** Faces of less quality are not worth a pass of their own. */
  minQuality: number;
  /** How long after a regrouping new loose faces of the same owner are worth another. */
  intervalMs: number;
  /** How long to wait before looking for work again. */
  pollMs: number;
  newId: () => string;
  log: Pick<Logger, "warn">;
  /** Called after every step that was committed, for the relay to send what it told of. */
  onStep?: () => void;
}

/** Regroups in the background whoever asked for it or has new faces. Any number of replicas may run one. */
export interface RegroupWorker {
  start(): void;
  /** Looks for work and does all of it. */
  runPending(): Promise<void>;
  /** Ends within one face's work; what is left goes on at the next start, here or elsewhere. */
  stop(): Promise<void>;
}

/** How long a dead replica keeps the others waiting. A step takes seconds at most. */
const leaseMs = 60_000;
const ownersPerRound = 20;

/** Creates the worker. It rests as long as it works, so that uploads and searches come first. */
export function createRegroupWorker(options: RegroupWorkerOptions): RegroupWorker {
  const { db, log, minQuality, intervalMs, pollMs } = options;
  const lease: RegroupLease = { holder: options.newId(), leaseMs, model: options.model };
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;

  async function regroup(claimed: RegroupState): Promise<void> {
    for (let state: RegroupState | undefined = claimed; state; ) {
      signal.throwIfAborted();
      const startedAt = performance.now();
      const { ownerId }: RegroupState = state;
      const step = await options.regrouping.step(state, signal);
      options.onStep?.();
      // It stays asked for, until these faces may be grouped again.
      if (!step) return releaseRegroupings(db, lease.holder);
      const { next, counts } = step;
      if (!(await advanceRegrouping(db, lease, next ?? state, counts))) return;
      if (!next) await finish(ownerId);
      state = next;
      await sleep(performance.now() - startedAt, undefined, { signal });
    }
  }

  async function finish(ownerId: string): Promise<void> {
    const revision = await finishRegrouping(db, lease.holder, ownerId);
    if (revision !== undefined) await deleteTombstones(db, ownerId, revision - followedRevisions);
  }

  async function runPending(): Promise<void> {
    await requestDueRegroupings(db, { intervalMs, minQuality, limit: ownersPerRound });
    for (let state = await claimRegrouping(db, lease); state; state = await claimRegrouping(db, lease)) {
      await regroup(state).catch((error: unknown) => {
        if (signal.aborted) throw error;
        // Its lease runs on, so that others come first before it is tried again.
        log.warn({ err: error }, "faces could not be regrouped; trying again");
      });
    }
  }

  async function work(): Promise<void> {
    while (!signal.aborted) {
      await runPending().catch((error: unknown) => {
        if (!signal.aborted) log.warn({ err: error }, "regroupings are left for later");
      });
      await sleep(pollMs, undefined, { signal }).catch(() => undefined);
    }
    await releaseRegroupings(db, lease.holder).catch(() => undefined);
  }

  return {
    start() {
      running ??= work();
    },
    runPending,
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
