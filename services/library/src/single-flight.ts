import { detached } from "@ocelli/chassis";

/**
 * Lets concurrent calls for the same key share one piece of work. It belongs to all of them: neither the deadline nor the
 * leaving of the call that began it ends it.
 */
export interface SingleFlight<T> {
  /** `joined` tells whether the work was started by somebody else. */
  run(key: string, work: () => Promise<T>): Promise<{ value: T; joined: boolean }>;
}

/** Creates a single flight; results are forgotten as soon as they are there. */
export function createSingleFlight<T>(): SingleFlight<T> {
  const flying = new Map<string, Promise<T>>();
  return {
    async run(key, work) {
      const flight = flying.get(key);
      if (flight) return { value: await flight, joined: true };
      const started = detached(work).finally(() => flying.delete(key));
      flying.set(key, started);
      return { value: await started, joined: false };
    },
  };
}
