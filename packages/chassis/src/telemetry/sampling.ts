import { context, ROOT_CONTEXT } from "@opentelemetry/api";

/** Sets gauges to what is so now. */
export type Sample = () => Promise<void> | void;

/** What {@link createSampling} makes. */
export interface Sampling {
  /** Adds a sample; the returned function takes it away. */
  add(sample: Sample): () => void;
  /** Takes the samples unless they are fresh; resolves after {@link patienceMs} at the latest. */
  run(): Promise<void>;
}

/** Whoever asks more often gets what was found last: the exposition is open to everybody. */
const freshMs = 2_000;
/** A store that is slow or gone must not take the other metrics with it. */
const patienceMs = 1_500;

/** Samples that are taken when somebody reads the metrics, and no more often than necessary. */
export function createSampling(
  onFailure: () => void,
  nowMs: () => number = () => performance.now(),
): Sampling {
  const samples = new Map<Sample, Promise<void> | undefined>();
  let takenAt = Number.NEGATIVE_INFINITY;
  let round: Promise<void> | undefined;

  /** A sample that still runs is not taken a second time. */
  function take(sample: Sample): Promise<void> {
    const running =
      samples.get(sample) ??
      context
        // What is read for the metrics belongs to no trace.
        .with(ROOT_CONTEXT, async () => sample())
        // What could not be read keeps its last value; readiness and logs tell why.
        .catch(onFailure)
        .finally(() => {
          if (samples.has(sample)) samples.set(sample, undefined);
        });
    samples.set(sample, running);
    return running;
  }

  async function takeAll(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        onFailure();
        resolve();
      }, patienceMs);
    });
    await Promise.race([Promise.all([...samples.keys()].map(take)), late]);
    clearTimeout(timer);
    takenAt = nowMs();
  }

  return {
    add(sample) {
      samples.set(sample, undefined);
      return () => void samples.delete(sample);
    },
    run() {
      if (!round && nowMs() - takenAt < freshMs) return Promise.resolve();
      round ??= takeAll().finally(() => (round = undefined));
      return round;
    },
  };
}
