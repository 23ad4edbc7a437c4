/** How many pieces of work of one kind may be in hand, by how long they take. */
export interface StandingLimit {
  /** Whether one more may begin. */
  readonly hasRoom: boolean;
  /** Work in hand at once; infinite while nothing stands in line. */
  readonly limit: number;
  /** Counts a piece of work until the returned function is called, once. */
  begin(): () => void;
}

/** Settings of {@link createStandingLimit}. */
export interface StandingLimitOptions {
  /** Half of the work may take longer than this before the limit sinks. */
  readonly targetMs: number;
  /** The limit never sinks below this. */
  readonly least: number;
  /** Above this there is no limit any more. */
  readonly most: number;
  /** Milliseconds that only grow; for tests. */
  readonly clock?: () => number;
}

// Long enough for a median, short enough to follow a burst.
const windowMs = 500;
/** Fewer say nothing about a queue: they may just be slow. */
const fewest = 10;
const decrease = 0.75;
const increase = 1.1;

/**
 * Finds how much a process can have in hand before work waits in line for longer than is useful: the limit sinks by a
 * quarter for each half second in which half of the work took longer than the target, and rises by a tenth for each in
 * which it did not, or nothing was to be done. The median stands for the queue, as the least delay does in CoDel (RFC 8289);
 * going down fast and up slowly is TCP's (RFC 5681). Wherever the queue is (event loop, database, another service), this sees it.
 */
export function createStandingLimit(options: StandingLimitOptions): StandingLimit {
  const { targetMs, least, most, clock = () => performance.now() } = options;
  let limit = Number.POSITIVE_INFINITY;
  let inHand = 0;
  let mostInHand = 0;
  let durations: number[] = [];
  let windowEnd = clock() + windowMs;

  function closeWindow(): void {
    const median = durations.toSorted((a, b) => a - b)[Math.floor(durations.length / 2)] ?? 0;
    // Work that is in hand and does not end is no sign of room.
    const silent = durations.length === 0 && inHand > 0;
    if (durations.length >= fewest && median > targetMs)
      limit = Math.max(least, Math.floor(Math.min(limit, mostInHand) * decrease));
    else if (!silent) limit = Math.ceil(limit * increase);
    if (limit > most) limit = Number.POSITIVE_INFINITY;
    durations = [];
    mostInHand = inHand;
  }

  function catchUp(): void {
    const now = clock();
    if (now < windowEnd) return;
    closeWindow();
    for (windowEnd += windowMs; windowEnd <= now && Number.isFinite(limit); windowEnd += windowMs)
      closeWindow();
    windowEnd = Math.max(windowEnd, now + windowMs);
  }

  return {
    get hasRoom() {
      catchUp();
      return inHand < limit;
    },
    get limit() {
      catchUp();
      return limit;
    },
    begin() {
      const startedAt = clock();
      inHand += 1;
      mostInHand = Math.max(mostInHand, inHand);
      let held = true;
      return () => {
        if (!held) return;
        held = false;
        catchUp();
        inHand -= 1;
        durations.push(clock() - startedAt);
      };
    },
  };
}
