import { setTimeout as delay } from "node:timers/promises";
import { invalidArgument, type Relay, unauthenticated, withOutbox } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { hashActionToken, isActionToken, issueActionToken } from "./action-tokens.ts";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import { emailAddress } from "./email-address.ts";
import { countFailure } from "./failed-credentials.ts";
import { linkLifetimes } from "./mail/link-lifetimes.ts";
import type { Mailer } from "./mail/mailer.ts";
import { requireGoodPassword } from "./password-policy.ts";
import { replacePassword } from "./password-replacement.ts";
import type { Passwords } from "./passwords.ts";
import { findActionToken, takeActionToken } from "./store/action-tokens.ts";
import type { AuthTables } from "./store/tables.ts";
import { type Credentials, findCredentials, findCredentialsOf, lockCredentials } from "./store/users.ts";
import { dispossessStranger } from "./unproven-account.ts";

/** Rules of forgotten passwords. */
export interface PasswordReset {
  /**
   * Sends a link to choose another password, if the address has an account that is not disabled; answers alike if not.
   * @throws AppError INVALID_ARGUMENT/INVALID_ACCOUNT for what is no address, RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
   */
  request(email: string, actor: Actor): Promise<void>;
  /**
   * Sets a password with the token of such a link, verifies the address it went to, and ends every session.
   * @throws AppError UNAUTHENTICATED/INVALID_RESET_TOKEN, INVALID_ARGUMENT/INVALID_PASSWORD (which does not use the
   * token up), RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  reset(request: { token: string; newPassword: string }, actor: Actor, signal?: AbortSignal): Promise<void>;
}

/** What {@link createPasswordReset} needs. */
export interface PasswordResetDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  passwords: Passwords;
  limits: AttemptLimits;
  audit: AuditLog;
  mailer: Mailer;
  now: () => Date;
}

/**
 * A request for an address with an account writes three rows more than one without. Both answer after this time, many
 * times what the rows take, so that the time tells nothing.
 */
const answerAfterMs = 250;

/** Creates the rules. */
export function createPasswordReset(dependencies: PasswordResetDependencies): PasswordReset {
  const { db, relay, passwords, limits, audit, mailer, now } = dependencies;

  return {
    async request(email, actor) {
      const address = parseAddress(email);
      const { origin } = actor;
      await limits.admit({ kind: "reset", address: origin.address, account: address });
      await Promise.all([sendLink(address, actor), delay(answerAfterMs)]);
    },

    async reset({ token, newPassword }, actor, signal) {
      const user = await findOwner(token);
      if (!user) {
        await countFailure(limits, actor.origin.address);
        throw invalidResetToken();
      }
      await requireGoodPassword(newPassword, user);
      const passwordHash = await passwords.hash(newPassword, signal);
      await withOutbox(db, relay, (trx) => use(trx, { token, passwordHash, userId: user.userId, actor }));
    },
  };

  async function sendLink(emailCanonical: string, actor: Actor): Promise<void> {
    const user = await findCredentials(db, emailCanonical);
    const userId = user?.userId;
    if (!user || user.disabled) {
      const failure = user ? "ACCOUNT_DISABLED" : "UNKNOWN_ADDRESS";
      await audit.record(db, { actor, action: "password.reset-requested", userId, failure });
      return;
    }
    await withOutbox(db, relay, async (trx) => {
      const token = await issueActionToken(trx, {
        ...user,
        purpose: "reset-password",
        at: now(),
        lifetimeMs: linkLifetimes["reset-password"],
      });
      await mailer.queue(trx, user, { template: "reset-password", name: user.name, token });
      await audit.record(trx, { actor, action: "password.reset-requested", userId });
    });
  }

  /** The account a token would reset, without using it up: a password that is refused must not cost the link. */
  async function findOwner(token: string): Promise<Credentials | undefined> {
    if (!isActionToken(token)) return undefined;
    const wanted = { tokenHash: hashActionToken(token), purpose: "reset-password", at: now() } as const;
    const found = await findActionToken(db, wanted);
    const user = found && (await findCredentialsOf(db, found.userId));
    // A link that went to an address the account had before proves nothing now.
    return user && !user.disabled && user.emailCanonical === found.emailCanonical ? user : undefined;
  }

  async function use(
    trx: Parameters<typeof lockCredentials>[0],
    {
      token,
      passwordHash,
      userId,
      actor,
    }: { token: string; passwordHash: string; userId: string; actor: Actor },
  ): Promise<void> {
    // The user first, then the token, here and wherever both are locked.
    const user = await lockCredentials(trx, userId);
    const at = now();
    const wanted = { tokenHash: hashActionToken(token), purpose: "reset-password", at } as const;
    const taken = await takeActionToken(trx, wanted);
    if (!user || user.disabled || taken?.emailCanonical !== user.emailCanonical) throw invalidResetToken();
    const by = { ...actor, name: userId };
    if (!user.emailVerified) await dispossessStranger(trx, { audit, userId, actor: by, at });
    const replacement = { user, passwordHash, reason: "password-reset", provesEmail: true } as const;
    await replacePassword(trx, dependencies, { ...replacement, actor: by, at });
  }
}

function parseAddress(email: string): string {
  const parsed = emailAddress.safeParse(email);
  if (parsed.success) return parsed.data.canonical;
  const violations = parsed.error.issues.map((issue) => ({ field: "email", description: issue.message }));
  throw invalidArgument("INVALID_ACCOUNT", "This is no e-mail address.", violations);
}

function invalidResetToken(): Error {
  return unauthenticated("INVALID_RESET_TOKEN", "The link does not work any more; ask for another.");
}
