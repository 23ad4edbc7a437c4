import { AbortError } from "abort-controller-x";
import type { AppError } from "../errors/app-error.ts";
import { overloaded } from "../errors/errors.ts";

/** How much an upstream may have in hand for this process. */
export interface BulkheadLimits {
  /** Calls in hand at once. */
  readonly limit: number;
  /** Calls that may wait for a place. */
  readonly queue: number;
  /** How long one waits at most. */
  readonly maxWaitMs: number;
}

/** Keeps one slow upstream from taking all that a process has. */
export interface Bulkhead {
  /**
   * Takes a place, waiting for one where that is allowed. Returns how to give it back, which may be called more than once.
   * @throws AppError RESOURCE_EXHAUSTED/UPSTREAM_BUSY; AbortError when the signal is aborted meanwhile.
   */
  enter(signal: AbortSignal): Promise<() => void>;
  readonly inHand: number;
  readonly waiting: number;
}

interface Waiter {
  readonly admit: () => void;
}

const retryAfterMs = 1_000;

/**
 * Creates a bulkhead. Written here and not taken from a library: who waits gives up its place in the queue the moment its
 * caller leaves or has waited for too long, and a stream keeps its place until its end.
 */
export function createBulkhead(name: string, { limit, queue, maxWaitMs }: BulkheadLimits): Bulkhead {
  // In the order of arrival; who gives up is taken out at once, wherever it stands.
  const waiters = new Set<Waiter>();
  let inHand = 0;

  function place(): () => void {
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      const [next] = waiters;
      if (next) next.admit();
      else inHand -= 1;
    };
  }

  function wait(signal: AbortSignal): Promise<() => void> {
    const { promise, resolve, reject } = Promise.withResolvers<() => void>();
    const leave = () => {
      waiters.delete(waiter);
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
    };
    const giveUp = () => {
      leave();
      reject(new AbortError());
    };
    // The place of the one before goes over: the count stays.
    const admit = () => {
      leave();
      resolve(place());
    };
    const timer = setTimeout(() => {
      leave();
      reject(busy(name));
    }, maxWaitMs);
    const waiter: Waiter = { admit };
    signal.addEventListener("abort", giveUp, { once: true });
    waiters.add(waiter);
    return promise;
  }

  return {
    async enter(signal) {
      if (signal.aborted) throw new AbortError();
      if (inHand < limit) {
        inHand += 1;
        return place();
      }
      if (waiters.size >= queue) throw busy(name);
      return wait(signal);
    },
    get inHand() {
      return inHand;
    },
    get waiting() {
      return waiters.size;
    },
  };
}

function busy(name: string): AppError {
  return overloaded(
    "UPSTREAM_BUSY",
    `The ${name} service has too much in hand; try again soon.`,
    retryAfterMs,
  );
}
