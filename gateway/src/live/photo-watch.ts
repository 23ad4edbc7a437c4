import { type BusEvent, type EventBus, type Logger, overloaded } from "@ocelli/chassis";
import { type PhotoUpdate, readPhotoUpdate } from "./photo-update.ts";

/** Live updates of one photo, from the moment it was opened. */
export interface PhotoWatcher {
  /**
   * The next update; `undefined` when none came in time.
   * @throws AppError RESOURCE_EXHAUSTED/SLOW_READER when updates came faster than they were taken, or the signal's reason.
   */
  next(timeoutMs: number, signal: AbortSignal): Promise<PhotoUpdate | undefined>;
  close(): void;
}

/** Hands the bus's photo events to whoever watches the photo. */
export interface PhotoWatch {
  open(photoId: string): PhotoWatcher;
  readonly watchers: number;
  stop(): Promise<void>;
}

// A photo has some ten events in its life: more than this waiting means that nobody reads.
const maxWaiting = 64;

interface Entry {
  push(update: PhotoUpdate): void;
}

/** Starts the one subscription of this process; updates are dispatched by photo id. */
export async function startPhotoWatch(deps: { bus: EventBus; log: Logger }): Promise<PhotoWatch> {
  const entries = new Map<string, Set<Entry>>();
  let watchers = 0;

  function dispatch(event: BusEvent): void {
    if (entries.size === 0) return;
    try {
      const update = readPhotoUpdate(event);
      if (update) for (const entry of entries.get(update.photoId) ?? []) entry.push(update);
    } catch (error) {
      // One unreadable event must not stop the others; the poll of each stream makes up for it.
      deps.log.warn({ err: error, subject: event.subject }, "event not readable");
    }
  }

  const subscription = await deps.bus.watch("ocelli.*.photo.*", dispatch);
  return {
    open(photoId) {
      const { entry, watcher } = createWatcher(() => {
        const siblings = entries.get(photoId);
        if (!siblings?.delete(entry)) return;
        watchers -= 1;
        if (siblings.size === 0) entries.delete(photoId);
      });
      const siblings = entries.get(photoId) ?? new Set<Entry>();
      entries.set(photoId, siblings.add(entry));
      watchers += 1;
      return watcher;
    },
    get watchers() {
      return watchers;
    },
    stop: () => subscription.stop(),
  };
}

function createWatcher(remove: () => void): { entry: Entry; watcher: PhotoWatcher } {
  const waiting: PhotoUpdate[] = [];
  let overflowed = false;
  let wake = () => {};
  const entry: Entry = {
    push(update) {
      if (waiting.length < maxWaiting) {
        waiting.push(update);
      } else {
        overflowed = true;
        remove();
      }
      wake();
    },
  };
  const watcher: PhotoWatcher = {
    async next(timeoutMs, signal) {
      if (waiting.length === 0 && !overflowed) {
        await untilWoken(timeoutMs, signal, (wakeUp) => {
          wake = wakeUp;
        });
      }
      signal.throwIfAborted();
      const update = waiting.shift();
      if (!update && overflowed) throw overloaded("SLOW_READER", "The results were not read in time.", 1000);
      return update;
    },
    close: remove,
  };
  return { entry, watcher };
}

/** Resolves when woken, when time is up, or when the signal is aborted. */
function untilWoken(
  timeoutMs: number,
  signal: AbortSignal,
  onWaiting: (wake: () => void) => void,
): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, timeoutMs);
    signal.addEventListener("abort", done, { once: true });
    onWaiting(done);
  });
}
