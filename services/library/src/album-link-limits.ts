import { createHash } from "node:crypto";
import { type Database, networkOf, overloaded } from "@ocelli/chassis";
import { giveBackAttempts, purgeAttempts, takeAttempt } from "./store/album-link-attempts.ts";
import type { LibraryTables } from "./store/tables.ts";

/** Limits guesses at the passwords of links, by link and by address, alike for all replicas. */
export interface LinkLimits {
  /**
   * Counts an attempt and tries it; one that turns out right does not count.
   * @throws AppError RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS with the time to wait, and what `attempt` throws.
   */
  try(linkId: string, address: string, attempt: () => Promise<boolean>): Promise<boolean>;
}

/** Wrong passwords within a window. */
export interface LinkRates {
  perLink: number;
  perAddress: number;
  windowMs: number;
}

const purgedAtOnce = 100;

/** Creates {@link LinkLimits}. */
export function createLinkLimits({
  database: { db },
  rates,
  now,
}: {
  database: Database<LibraryTables>;
  rates: LinkRates;
  now: () => Date;
}): LinkLimits {
  async function take(key: Buffer, max: number): Promise<void> {
    const at = now();
    const { fullUntil } = await takeAttempt(db, { key, max, windowMs: rates.windowMs, at });
    if (!fullUntil) return;
    // Whole seconds: Retry-After knows no others.
    const seconds = Math.max(1, Math.ceil((fullUntil.getTime() - at.getTime()) / 1000));
    throw overloaded("TOO_MANY_ATTEMPTS", "There were too many wrong passwords; wait.", seconds * 1000);
  }

  return {
    async try(linkId, address, attempt) {
      const byAddress = keyOf("address", networkOf(address));
      const byLink = keyOf("link", linkId);
      await purgeAttempts(db, now(), purgedAtOnce);
      // The address first: whoever guesses from one address does not lock others out of the link.
      await take(byAddress, rates.perAddress);
      const taken = [byAddress];
      try {
        await take(byLink, rates.perLink);
        taken.push(byLink);
        if (!(await attempt())) return false;
      } catch (error) {
        await giveBackAttempts(db, taken);
        throw error;
      }
      await giveBackAttempts(db, taken);
      return true;
    },
  };
}

/** Hashed, so that the table tells no addresses. */
function keyOf(kind: "link" | "address", value: string): Buffer {
  return createHash("sha256")
    .update(JSON.stringify([kind, value]))
    .digest();
}
