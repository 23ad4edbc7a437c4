/** Lets one loop sleep until something happens or time is up. */
export interface Waker {
  /** Ends the current wait, or the next one if none is going on. */
  notify(): void;
  /** Resolves true when notified, false after `ms`. */
  wait(ms: number): Promise<boolean>;
}

/** Creates a waker that nothing has notified yet. */
export function createWaker(): Waker {
  let pending = false;
  let wake: (() => void) | undefined;
  return {
    notify() {
      if (wake) wake();
      else pending = true;
    },
    wait(ms) {
      if (pending) {
        pending = false;
        return Promise.resolve(true);
      }
      return new Promise((resolve) => {
        const end = (notified: boolean) => {
          clearTimeout(timer);
          wake = undefined;
          resolve(notified);
        };
        const timer = setTimeout(() => end(false), ms);
        wake = () => end(true);
      });
    },
  };
}

/** Resolves after `ms`, or at once when the signal is aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) return resolve();
    const end = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal.addEventListener("abort", end);
  });
}
