import { AppError, invalidArgument, type Relay, unauthenticated, withOutbox } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { Accounts } from "./accounts.ts";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { requireGoodPassword } from "./password-policy.ts";
import { replacePassword } from "./password-replacement.ts";
import type { Passwords } from "./passwords.ts";
import type { AuthTables } from "./store/tables.ts";
import { findCredentialsOf, lockCredentials } from "./store/users.ts";

/** Rules of changing a password. */
export interface PasswordChange {
  /**
   * Changes the password of a user who knows it, and ends his other sessions.
   * @returns the sessions that ended.
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, also for accounts without a password, which get one through
   * a reset; INVALID_ARGUMENT/INVALID_PASSWORD, RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  change(
    request: {
      userId: string;
      /** Session of the caller, which stays. */
      sessionId: string | undefined;
      currentPassword: string;
      newPassword: string;
    },
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<string[]>;
}

/** What {@link createPasswordChange} needs. */
export interface PasswordChangeDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  accounts: Pick<Accounts, "confirmPassword">;
  passwords: Passwords;
  audit: AuditLog;
  mailer: Mailer;
  now: () => Date;
}

/** Creates the rules. */
export function createPasswordChange(dependencies: PasswordChangeDependencies): PasswordChange {
  const { db, relay, accounts, passwords, audit, now } = dependencies;

  return {
    async change(request, actor, signal) {
      const { userId, sessionId, currentPassword, newPassword } = request;
      const before = await findCredentialsOf(db, userId);
      await recordFailure(userId, actor, () =>
        accounts.confirmPassword(userId, currentPassword, actor, signal),
      );
      if (!before) throw wrongPassword();
      if (newPassword === currentPassword) throw samePassword();
      await requireGoodPassword(newPassword, before);
      const passwordHash = await passwords.hash(newPassword, signal);
      return withOutbox(db, relay, async (trx) => {
        const user = await lockCredentials(trx, userId);
        // Changed by somebody else since it was confirmed: what was confirmed is worth nothing any more.
        if (!user || user.passwordHash !== before.passwordHash) throw wrongPassword();
        const reason = "password-changed";
        const replacement = { user, passwordHash, reason, except: sessionId, provesEmail: false } as const;
        return replacePassword(trx, dependencies, { ...replacement, actor, at: now() });
      });
    },
  };

  async function recordFailure(userId: string, actor: Actor, work: () => Promise<void>): Promise<void> {
    try {
      await work();
    } catch (error) {
      const { reason } = AppError.from(error);
      if (reason === "INVALID_CREDENTIALS") {
        await audit.record(db, { actor, action: "password.changed", userId, failure: reason });
      }
      throw error;
    }
  }
}

function samePassword(): Error {
  const description = "must differ from the current one";
  return invalidArgument("INVALID_PASSWORD", `The password ${description}.`, [
    { field: "newPassword", description },
  ]);
}

function wrongPassword(): Error {
  return unauthenticated("INVALID_CREDENTIALS", "The password is wrong.");
}
