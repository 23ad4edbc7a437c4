import type { AppError } from "../errors/app-error.ts";
import { overloaded } from "../errors/errors.ts";
import type { StandingLimit } from "./standing-limit.ts";

/** Kinds of work, the most important first: when there is too much, the last are refused first. */
export const loadClasses = ["critical", "interactive", "upload", "heavy", "background"] as const;

/** See {@link loadClasses}. */
export type LoadClass = (typeof loadClasses)[number];

/** Decides whether work is begun, before anything of it is read. */
export interface Admission {
  /**
   * Lets work in; the returned function says that it is done and may be called more than once.
   * @throws AppError RESOURCE_EXHAUSTED/OVERLOADED.
   */
  enter(name: LoadClass): () => void;
  readonly inHand: number;
}

/** Settings of {@link createAdmission}. */
export interface AdmissionOptions {
  /** Work in hand at once, of all classes together. */
  readonly limit: number;
  /** How long work may wait in this process for good before the least important is refused. */
  readonly maxDelayMs: number;
  /** How long it waits now. */
  readonly delay: { readonly standingMs: number };
  /** Further limits of single classes, which follow how long their work takes. */
  readonly standing?: Partial<Readonly<Record<LoadClass, StandingLimit>>>;
  readonly onRefused?: (reason: string) => void;
}

/**
 * Up to which part of the limit each class may fill it, and at which multiple of the delay it is refused. What is
 * critical finds a place as long as there is one at all: it is what lets people in, and shows them what they have.
 */
const shares: Readonly<Record<LoadClass, { ofLimit: number; delays: number }>> = {
  critical: { ofLimit: 1, delays: Number.POSITIVE_INFINITY },
  interactive: { ofLimit: 0.9, delays: 4 },
  upload: { ofLimit: 0.75, delays: 3 },
  heavy: { ofLimit: 0.6, delays: 2 },
  background: { ofLimit: 0.4, delays: 1 },
};

const retryAfterMs = 2_000;

/** Creates an admission that counts for itself. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { limit, maxDelayMs, delay, standing = {}, onRefused } = options;
  let inHand = 0;

  function refusal(name: LoadClass): AppError | undefined {
    const { ofLimit, delays } = shares[name];
    const fits =
      inHand < Math.ceil(limit * ofLimit) &&
      delay.standingMs <= maxDelayMs * delays &&
      (standing[name]?.hasRoom ?? true);
    return fits
      ? undefined
      : overloaded("OVERLOADED", "There is too much to do right now; try again soon.", retryAfterMs);
  }

  return {
    enter(name) {
      const error = refusal(name);
      if (error) {
        onRefused?.(error.reason);
        throw error;
      }
      inHand += 1;
      const end = standing[name]?.begin();
      let held = true;
      return () => {
        if (held) inHand -= 1;
        held = false;
        end?.();
      };
    },
    get inHand() {
      return inHand;
    },
  };
}
