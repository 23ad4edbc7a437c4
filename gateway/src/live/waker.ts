/** Something that one reader waits on and anybody may wake. */
export interface Waker {
  wake(): void;
  /** Resolves true when woken, also if that was before; false when time is up or the signal is aborted. */
  next(timeoutMs: number, signal: AbortSignal): Promise<boolean>;
}

/** Creates a waker for one reader at a time. */
export function createWaker(): Waker {
  let woken = false;
  let resume = () => {};
  return {
    wake() {
      woken = true;
      resume();
    },
    async next(timeoutMs, signal) {
      if (!woken && !signal.aborted) {
        const waiting = Promise.withResolvers<void>();
        resume = waiting.resolve;
        const timer = setTimeout(waiting.resolve, timeoutMs);
        signal.addEventListener("abort", resume, { once: true });
        await waiting.promise;
        clearTimeout(timer);
        signal.removeEventListener("abort", resume);
      }
      const was = woken;
      woken = false;
      return was;
    },
  };
}
