import { createHash } from "node:crypto";
import { isUuid, networkOf, overloaded } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { AuditLog } from "./audit.ts";
import type { AttemptRate } from "./settings/account-settings.ts";
import * as store from "./store/attempts.ts";
import type { AuthTables } from "./store/tables.ts";
import { findUserIdByEmail } from "./store/users.ts";

/**
 * What is limited. `login`, `sign-up`, `reset` (every request for a link by e-mail) and `code` count each attempt;
 * `token` and `oidc` only failures, since a busy client of ours may well present its API key a thousand times.
 */
export type AttemptKind = "login" | "sign-up" | "reset" | "code" | "token" | "oidc";

/** One attempt. */
export interface Attempt {
  kind: AttemptKind;
  /** Client address; empty when unknown. */
  address: string;
  /** What it is tried on: the canonical e-mail address or the user's id. */
  account?: string;
}

/** Slows down who guesses; counts are in the store, shared by all replicas. */
export interface AttemptLimits {
  /**
   * Counts an attempt before it costs anything.
   * @throws AppError RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS with the time after which to try again.
   */
  admit(attempt: Attempt): Promise<void>;
  /** After a wrong password or code: the next attempt from there on that account waits longer. */
  failed(attempt: Attempt): Promise<void>;
  /** After a right one: failures in a row are forgotten. */
  succeeded(attempt: Attempt): Promise<void>;
}

/** Limits of one kind of attempt; absent ones do not apply. */
export interface KindLimits {
  address?: AttemptRate;
  account?: AttemptRate;
  /** True when only failures count. */
  failuresOnly?: boolean;
  /** True when failures in a row make the next attempt wait. */
  delays?: boolean;
}

/** What {@link createAttemptLimits} needs. */
export interface AttemptLimitsDependencies {
  db: Kysely<AuthTables>;
  audit: AuditLog;
  now: () => Date;
  limits: Record<AttemptKind, KindLimits>;
  /** Failures in a row before the first wait. */
  freeFailures: number;
  /** Longest wait; 0 for none. */
  longestDelayMs: number;
}

type Scope = "address" | "account" | "delay";

// Longer than the longest delay, so that patience does not buy a fresh start.
const forgetFailuresAfterMs = 24 * 3_600_000;
const knownPlaceMs = 30 * 24 * 3_600_000;
const purgeEveryMs = 60_000;
const purgedAtOnce = 1_000;
const auditEvery: AttemptRate = { max: 1, windowMs: 15 * 60_000 };

/**
 * Creates the limits.
 *
 * Three of them guard a login, each against another attacker:
 * - per client address (IPv6: per /64), against one machine that tries many accounts;
 * - a wait that doubles with each failure in a row on one account from one address, against one machine that tries one
 *   account. It is kept per pair and never per account alone: were it the account's, anybody could keep its owner out
 *   for good by failing on purpose;
 * - per account over all addresses, against many machines that try one account. That one an attacker with many
 *   addresses can use up; so it does not apply to addresses from which the account has logged in within 30 days. Its
 *   owner gets in from where he usually is, and others who share that address still meet the other two limits.
 *
 * Nothing here knows whether an account exists: unknown ones are counted and refused alike.
 */
export function createAttemptLimits(dependencies: AttemptLimitsDependencies): AttemptLimits {
  const { db, now } = dependencies;
  const delayRule = { free: dependencies.freeFailures, longestDelayMs: dependencies.longestDelayMs };
  let purgedAt = 0;

  return {
    async admit(attempt) {
      const limits = dependencies.limits[attempt.kind];
      await purge();
      if (limits.delays && delayRule.longestDelayMs > 0) await refuseWhileDelayed(attempt);
      const pass = limits.failuresOnly ? hasRoom : count;
      await refuseUnless(await pass(attempt, "address", limits.address), attempt, "address", limits.address);
      if (attempt.account === undefined) return;
      const admitted = (await pass(attempt, "account", limits.account)) || (await isKnownPlace(attempt));
      await refuseUnless(admitted, attempt, "account", limits.account);
    },

    async failed(attempt) {
      const limits = dependencies.limits[attempt.kind];
      if (limits.failuresOnly) {
        await count(attempt, "address", limits.address);
        if (attempt.account !== undefined) await count(attempt, "account", limits.account);
      }
      if (!limits.delays || attempt.account === undefined || delayRule.longestDelayMs === 0) return;
      await store.addFailure(db, {
        key: keyOf("delay", attempt),
        at: now(),
        ...delayRule,
        forgetAfterMs: forgetFailuresAfterMs,
      });
    },

    async succeeded(attempt) {
      if (!dependencies.limits[attempt.kind].delays || attempt.account === undefined) return;
      await store.clearFailures(db, keyOf("delay", attempt));
      if (attempt.kind !== "login") return;
      const at = now();
      const expiresAt = new Date(at.getTime() + knownPlaceMs);
      await store.keepMark(db, { key: keyOf("known", attempt), at, expiresAt });
    },
  };

  async function count(attempt: Attempt, scope: Scope, rate: AttemptRate | undefined): Promise<boolean> {
    if (!rate || !Number.isFinite(rate.max)) return true;
    return store.countAttempt(db, { key: keyOf(scope, attempt), at: now(), ...rate });
  }

  async function hasRoom(attempt: Attempt, scope: Scope, rate: AttemptRate | undefined): Promise<boolean> {
    return (await waitFor(keyOf(scope, attempt), rate)) === 0;
  }

  /** Time until the window has room, in milliseconds. */
  async function waitFor(key: Buffer, rate: AttemptRate | undefined): Promise<number> {
    if (!rate || !Number.isFinite(rate.max)) return 0;
    const found = await store.findWindow(db, key);
    return found ? waitUntilRoom(found, rate, now()) : 0;
  }

  async function isKnownPlace(attempt: Attempt): Promise<boolean> {
    return attempt.kind === "login" && store.hasMark(db, keyOf("known", attempt), now());
  }

  async function refuseWhileDelayed(attempt: Attempt): Promise<void> {
    if (attempt.account === undefined) return;
    const at = now();
    if (await store.takeTurn(db, { key: keyOf("delay", attempt), at, ...delayRule })) return;
    const block = await store.findBlock(db, keyOf("delay", attempt), at);
    if (block) await refuse(attempt, "delay", block.blockedUntil.getTime() - at.getTime());
  }

  async function refuseUnless(
    admitted: boolean,
    attempt: Attempt,
    scope: Scope,
    rate: AttemptRate | undefined,
  ): Promise<void> {
    if (!admitted) await refuse(attempt, scope, await waitFor(keyOf(scope, attempt), rate));
  }

  async function refuse(attempt: Attempt, scope: Scope, waitMs: number): Promise<never> {
    // What an address tries in vain is its own choice: an entry for each would fill the log at its pleasure.
    const blocked: Attempt = scope === "address" ? { kind: attempt.kind, address: attempt.address } : attempt;
    const auditKey = keyOf("audited", { ...blocked, account: `${scope} ${blocked.account ?? ""}` });
    if (await store.countAttempt(db, { key: auditKey, at: now(), ...auditEvery })) {
      await recordBlock(blocked, scope);
    }
    // Whole seconds: Retry-After knows no others.
    const retryAfterMs = Math.max(1, Math.ceil(waitMs / 1000)) * 1000;
    throw overloaded(
      "TOO_MANY_ATTEMPTS",
      "There were too many attempts; wait before the next.",
      retryAfterMs,
    );
  }

  async function recordBlock(attempt: Attempt, scope: Scope): Promise<void> {
    const { account, address } = attempt;
    await dependencies.audit.record(db, {
      actor: { name: "", origin: { address, userAgent: "" } },
      action: "limit.blocked",
      userId: account === undefined || isUuid(account) ? account : await findUserIdByEmail(db, account),
      failure: `${attempt.kind}_${scope}`.replace("-", "_").toUpperCase(),
    });
  }

  /** A memory of this process, but only of its own housekeeping. */
  async function purge(): Promise<void> {
    const at = now();
    if (at.getTime() - purgedAt < purgeEveryMs) return;
    purgedAt = at.getTime();
    await store.purgeAttempts(db, at, purgedAtOnce);
  }
}

/** Hashed, so that the table tells no addresses to who reads it, and every key is as long as another. */
function keyOf(scope: Scope | "known" | "audited", { kind, address, account = "" }: Attempt): Buffer {
  const parts = {
    address: [networkOf(address)],
    account: [account],
    delay: [account, networkOf(address)],
    known: [account, networkOf(address)],
    audited: [account, networkOf(address)],
  }[scope];
  return createHash("sha256")
    .update(JSON.stringify([scope, kind, ...parts]))
    .digest();
}

/** Milliseconds until a sliding window has room for one more; 0 when it has. */
export function waitUntilRoom(found: store.WindowCounts, rate: AttemptRate, at: Date): number {
  const { max, windowMs } = rate;
  const age = at.getTime() - found.windowStart.getTime();
  if (age >= 2 * windowMs) return 0;
  if (age >= windowMs) return Math.max(0, decay(found.count, max - 1, windowMs) - (age - windowMs));
  if (found.count < max) {
    return Math.max(0, decay(found.previousCount, max - 1 - found.count, windowMs) - Math.max(0, age));
  }
  return windowMs - age + decay(found.count, max - 1, windowMs);
}

/** When, after the begin of a window, what is left of the previous count is down to `room`. */
function decay(previousCount: number, room: number, windowMs: number): number {
  return previousCount <= room ? 0 : Math.ceil(windowMs - (room * windowMs) / previousCount);
}
