import { detached, overloaded } from "@ocelli/chassis";

/** Settings of {@link createBacklog}. */
export interface BacklogOptions {
  /** Photos with unfinished stages beyond which nobody is promised live results. */
  limit: number;
  /** Counts photos with unfinished stages, at most up to a limit. */
  count: (limit: number) => Promise<number>;
  /** Milliseconds; only differences matter. */
  nowMs: () => number;
}

/** The door for uploads whose client waits for live results. */
export interface Backlog {
  /**
   * Takes a place for one upload, freed by calling the result with whether a photo was stored.
   * @throws AppError RESOURCE_EXHAUSTED/ANALYSIS_BACKLOG_FULL.
   */
  admit(): Promise<(stored: boolean) => void>;
}

// One count serves all uploads of this span, so that a rush costs a handful of queries.
const countMaxAgeMs = 250;
// About what one photo's analysis takes on two cores, times a few.
const retryAfterMs = 2_000;

/** Creates the door. Uploads in hand count as well: a thousand that arrive together must not all look at the same figure. */
export function createBacklog(options: BacklogOptions): Backlog {
  let counted = 0;
  let countedAt = Number.NEGATIVE_INFINITY;
  let inHand = 0;
  let storedSince = 0;
  let counting: Promise<void> | undefined;

  async function recount(): Promise<void> {
    const startedAt = options.nowMs();
    const storedBefore = storedSince;
    counted = await options.count(options.limit);
    countedAt = startedAt;
    storedSince -= storedBefore;
  }

  return {
    async admit() {
      if (options.nowMs() - countedAt > countMaxAgeMs) {
        counting ??= detached(recount).finally(() => {
          counting = undefined;
        });
        await counting;
      }
      if (counted + storedSince + inHand >= options.limit) {
        throw overloaded(
          "ANALYSIS_BACKLOG_FULL",
          "Too many photos wait for analysis; try again later, or upload without waiting for results.",
          retryAfterMs,
        );
      }
      inHand += 1;
      return (stored) => {
        inHand -= 1;
        if (stored) storedSince += 1;
      };
    },
  };
}
