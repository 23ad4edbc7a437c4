/** How long work waits in this process before it is begun. */
export interface LoopDelay {
  /**
   * The least delay of the last second, in milliseconds: a queue that stands. Work that comes in bursts and is done in
   * between leaves it at zero, however long a single burst held things up.
   */
  readonly standingMs: number;
  stop(): void;
}

/** What {@link watchLoopDelay} is built from; for tests. */
export interface LoopDelayOptions {
  /** Milliseconds that only grow. */
  readonly clock?: () => number;
}

const sampleMs = 200;
const windowMs = 1_000;

interface Sample {
  readonly at: number;
  readonly delayMs: number;
}

/** Measures the event loop, which is the one queue that everything in a process passes. */
export function watchLoopDelay({ clock = () => performance.now() }: LoopDelayOptions = {}): LoopDelay {
  let samples: Sample[] = [];
  let dueAt = clock() + sampleMs;
  const timer = setInterval(() => {
    const at = clock();
    // The last one always counts: samples of a loop that waits for a second are further apart than the window.
    const [last] = samples.slice(-1);
    samples = [
      ...samples.filter((sample) => sample === last || at - sample.at < windowMs),
      { at, delayMs: Math.max(0, at - dueAt) },
    ];
    dueAt = at + sampleMs;
  }, sampleMs);
  timer.unref();
  return {
    get standingMs() {
      // One late turn is no queue yet.
      return samples.length < 2 ? 0 : Math.min(...samples.map(({ delayMs }) => delayMs));
    },
    stop: () => clearInterval(timer),
  };
}
