import { setTimeout as sleep } from "node:timers/promises";
import type { RpcServer } from "../rpc/server.ts";

/** The steps in which a service ends. */
export interface Ending {
  /** Says that the service will stop; the first time counts. */
  announce(): void;
  /** Announces, and resolves when balancers have had their time to notice. */
  noticed(): Promise<void>;
  /** Announces and finishes the events in hand; what is left at the end of the grace comes back elsewhere. */
  drain(): Promise<void>;
  /** Milliseconds of the grace that are left for calls. */
  graceLeftMs(): number;
}

/** How long the steps take. */
export interface EndingTimes {
  readonly shutdownGraceMs: number;
  readonly shutdownDelayMs: number;
}

// Calls that end by themselves in a moment are not cut because events took all the time.
const leastGraceMs = 500;

/** Creates the ending of a service; `endEvents` takes no more events and resolves when those in hand are done. */
export function createEnding(
  { shutdownGraceMs, shutdownDelayMs }: EndingTimes,
  server: Pick<RpcServer, "announceStop">,
  endEvents: () => Promise<unknown>,
): Ending {
  let announcedAt: number | undefined;
  let drained: Promise<void> | undefined;
  let graceEndsAt = Number.POSITIVE_INFINITY;

  function announce(): void {
    if (announcedAt !== undefined) return;
    announcedAt = performance.now();
    server.announceStop();
  }

  async function endWithinGrace(): Promise<void> {
    graceEndsAt = performance.now() + shutdownGraceMs;
    const over = new AbortController();
    const cut = sleep(shutdownGraceMs, undefined, { signal: over.signal }).catch(() => undefined);
    await Promise.race([endEvents(), cut]);
    over.abort();
  }

  return {
    announce,
    async noticed() {
      announce();
      const passedMs = performance.now() - (announcedAt ?? 0);
      if (passedMs < shutdownDelayMs) await sleep(shutdownDelayMs - passedMs);
    },
    drain() {
      announce();
      drained ??= endWithinGrace();
      return drained;
    },
    graceLeftMs: () => Math.min(shutdownGraceMs, Math.max(leastGraceMs, graceEndsAt - performance.now())),
  };
}
