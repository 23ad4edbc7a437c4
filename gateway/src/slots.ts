import { overloaded } from "@ocelli/chassis";

/** Counts work in hand and refuses more than fits, before it starts. */
export interface Slots {
  /**
   * Takes a slot; the returned function gives it back and may be called more than once.
   * @throws AppError RESOURCE_EXHAUSTED with the given reason when all are taken.
   */
  take(): () => void;
  readonly taken: number;
}

// Slots free up as soon as some work ends, typically within seconds.
const retryAfterMs = 2000;

/** Creates `limit` slots. */
export function createSlots(limit: number, reason: string, message: string): Slots {
  let taken = 0;
  return {
    take() {
      if (taken >= limit) throw overloaded(reason, message, retryAfterMs);
      taken += 1;
      let held = true;
      return () => {
        if (held) taken -= 1;
        held = false;
      };
    },
    get taken() {
      return taken;
    },
  };
}

/** The slots of a gateway: live streams and detections in hand. */
export function createAdmission(limits: { maxWatchers: number; maxActiveDetections: number }) {
  const watchers = "Too many live streams are open; try again soon.";
  const detections = "Too many detections are in hand; try again soon.";
  return {
    watcherSlots: createSlots(limits.maxWatchers, "TOO_MANY_WATCHERS", watchers),
    detectionSlots: createSlots(limits.maxActiveDetections, "TOO_MANY_DETECTIONS", detections),
  };
}
