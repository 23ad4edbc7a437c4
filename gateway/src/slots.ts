import { overloaded } from "@ocelli/chassis";

/** Counts work in hand and refuses more than fits, before it starts. */
export interface Slots {
  /**
   * Takes a slot for a user; the returned function gives it back and may be called more than once.
   * @throws AppError RESOURCE_EXHAUSTED with the given reason when all are taken, or the user's share is.
   */
  take(userId: string): () => void;
  readonly taken: number;
}

// Slots free up as soon as some work ends, typically within seconds.
const retryAfterMs = 2000;

/** Creates `total` slots, of which one user may hold `perUser`. */
export function createSlots(limits: SlotLimits, reason: string, message: string): Slots {
  const takenBy = new Map<string, number>();
  let taken = 0;

  function giveBack(userId: string): void {
    taken -= 1;
    const left = (takenBy.get(userId) ?? 1) - 1;
    if (left > 0) takenBy.set(userId, left);
    else takenBy.delete(userId);
  }

  return {
    take(userId) {
      const own = takenBy.get(userId) ?? 0;
      if (taken >= limits.total || own >= limits.perUser) throw overloaded(reason, message, retryAfterMs);
      taken += 1;
      takenBy.set(userId, own + 1);
      let held = true;
      return () => {
        if (held) giveBack(userId);
        held = false;
      };
    },
    get taken() {
      return taken;
    },
  };
}

/** How many slots there are. */
export interface SlotLimits {
  readonly total: number;
  readonly perUser: number;
}

/** Settings of {@link createUserSlots}. */
export interface UserSlotLimits {
  readonly maxWatchers: number;
  readonly maxWatchersPerUser: number | undefined;
  readonly maxActiveDetections: number;
  readonly maxDetectionsPerUser: number | undefined;
}

/** The slots of a gateway: live streams and detections in hand. */
export function createUserSlots(limits: UserSlotLimits) {
  const watchers = "Too many live streams are open; try again soon.";
  const detections = "Too many detections are in hand; try again soon.";
  const watcherLimits = share(limits.maxWatchers, limits.maxWatchersPerUser);
  const detectionLimits = share(limits.maxActiveDetections, limits.maxDetectionsPerUser);
  return {
    watcherSlots: createSlots(watcherLimits, "TOO_MANY_WATCHERS", watchers),
    detectionSlots: createSlots(detectionLimits, "TOO_MANY_DETECTIONS", detections),
  };
}

/** Half, unless set otherwise: whoever takes all that is allowed leaves as much to everybody else. */
function share(total: number, perUser: number | undefined): SlotLimits {
  return { total, perUser: perUser ?? Math.ceil(total / 2) };
}
