import type { Logger } from "../logger.ts";
import { detached } from "../rpc/call-scope.ts";

/** What {@link createEventEraser} stands on. */
export interface EventEraserOptions {
  /** Erases all there is to erase. */
  erase: (signal: AbortSignal) => Promise<void>;
  log: Pick<Logger, "warn">;
}

/** Erases what events said of photos that are gone, soon after they went. */
export interface EventEraser {
  /** Photos have gone. */
  kick(): void;
  /** Ends the round in hand; the next start does the rest. */
  stop(): Promise<void>;
}

/** Photos go by the thousand; one round is enough for all that went within this time. */
const gatherMs = 1_000;
/** Each round looks at all events: it rests so many times as long as it took. */
const restShare = 20;

/** Creates an eraser; it begins with a round for what an earlier process left. */
export function createEventEraser({ erase, log }: EventEraserOptions): EventEraser {
  const stopping = new AbortController();
  let wanted = false;
  let restUntil = 0;
  let timer: NodeJS.Timeout | undefined;
  let running: Promise<void> | undefined;

  async function round(): Promise<void> {
    wanted = false;
    const startedAt = performance.now();
    await erase(stopping.signal).catch((error: unknown) => {
      if (!stopping.signal.aborted) log.warn({ err: error }, "events of deleted photos are left for later");
    });
    const endedAt = performance.now();
    restUntil = endedAt + restShare * (endedAt - startedAt);
    running = undefined;
    if (wanted) schedule();
  }

  function schedule(): void {
    if (running || timer || stopping.signal.aborted) return;
    timer = setTimeout(
      () => {
        timer = undefined;
        running = detached(round);
      },
      Math.max(gatherMs, restUntil - performance.now()),
    );
    timer.unref();
  }

  function kick(): void {
    wanted = true;
    schedule();
  }

  kick();
  return {
    kick,
    async stop() {
      stopping.abort();
      clearTimeout(timer);
      await running;
    },
  };
}
