import type { BusEvent, EventBus, Logger } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { createWaker, type Waker } from "./waker.ts";

/** Tells readers of feeds that there may be something new. */
export interface UserWatch {
  /** Wakes on whatever happens to a user's photos and jobs. */
  open(userId: string): UserWatcher;
  readonly watchers: number;
  stop(): Promise<void>;
}

/** See {@link UserWatch}. */
export interface UserWatcher extends Waker {
  close(): void;
}

const { feedAppended, jobFinished } = events;
const photoEvents = [events.photoReady, events.photoChanged, events.photoDeleted];

/**
 * Starts the one subscription of this process. The library sends all of these after the entries are there; events of
 * the analysing services would come before. Hints may be lost: readers look by themselves as well.
 */
export async function startUserWatch(deps: { bus: EventBus; log: Logger }): Promise<UserWatch> {
  const wakers = new Map<string, Set<Waker>>();
  let watchers = 0;

  const subscription = await deps.bus.watch("ocelli.library.*.*", (event) => {
    if (wakers.size === 0) return;
    try {
      for (const waker of wakers.get(ownerOf(event) ?? "") ?? []) waker.wake();
    } catch (error) {
      deps.log.warn({ err: error, subject: event.subject }, "event not readable");
    }
  });

  return {
    open(userId) {
      const waker = createWaker();
      const siblings = wakers.get(userId) ?? new Set<Waker>();
      wakers.set(userId, siblings.add(waker));
      watchers += 1;
      return {
        ...waker,
        close() {
          if (!siblings.delete(waker)) return;
          watchers -= 1;
          if (siblings.size === 0 && wakers.get(userId) === siblings) wakers.delete(userId);
        },
      };
    },
    get watchers() {
      return watchers;
    },
    stop: () => subscription.stop(),
  };
}

function ownerOf({ subject, payload }: BusEvent): string | undefined {
  if (subject === feedAppended.subject) return feedAppended.message.decode(payload).ownerId;
  if (subject === jobFinished.subject) return jobFinished.message.decode(payload).ownerId;
  return photoEvents.find((type) => type.subject === subject)?.message.decode(payload).photo?.ownerId;
}
