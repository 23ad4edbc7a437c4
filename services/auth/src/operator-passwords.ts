import { failedPrecondition, notFound, type Relay, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import { issueActionToken } from "./action-tokens.ts";
import { operator } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import { linkLifetimes } from "./mail/link-lifetimes.ts";
import type { Mailer } from "./mail/mailer.ts";
import { requireGoodPassword } from "./password-policy.ts";
import { replacePassword } from "./password-replacement.ts";
import type { Passwords } from "./passwords.ts";
import type { AuthTables } from "./store/tables.ts";
import { type Credentials, findCredentialsOf, lockCredentials } from "./store/users.ts";

/** What the command line can do about passwords, for users who cannot help themselves. */
export interface OperatorPasswords {
  /**
   * Makes a link with which its user chooses another password; nothing is sent.
   * @throws AppError NOT_FOUND/USER_NOT_FOUND, FAILED_PRECONDITION/ACCOUNT_DISABLED.
   */
  makeResetLink(userId: string): Promise<{ url: string; lifetimeMs: number }>;
  /**
   * Sets a password, which ends every session, and tells the user by e-mail.
   * @throws AppError NOT_FOUND/USER_NOT_FOUND, INVALID_ARGUMENT/INVALID_PASSWORD.
   */
  set(userId: string, password: string): Promise<void>;
}

/** What {@link createOperatorPasswords} needs. */
export interface OperatorPasswordsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  passwords: Passwords;
  audit: AuditLog;
  mailer: Mailer;
  publicUrl: string;
  now: () => Date;
}

/** Creates them. */
export function createOperatorPasswords(dependencies: OperatorPasswordsDependencies): OperatorPasswords {
  const { db, relay, passwords, audit, publicUrl, now } = dependencies;

  return {
    async makeResetLink(userId) {
      const lifetimeMs = linkLifetimes["reset-password"];
      const token = await db.transaction().execute(async (trx) => {
        const user = await lock(trx, userId);
        if (user.disabled)
          throw failedPrecondition("ACCOUNT_DISABLED", "The account is closed; enable it first.");
        await audit.record(trx, { actor: operator, action: "password.reset-requested", userId });
        return issueActionToken(trx, { ...user, purpose: "reset-password", at: now(), lifetimeMs });
      });
      // Behind the #, like in e-mail, so that it reaches no server log.
      return { url: `${publicUrl}/account/reset-password#token=${token}`, lifetimeMs };
    },

    async set(userId, password) {
      const owner = await findCredentialsOf(db, userId);
      if (!owner) throw userNotFound();
      await requireGoodPassword(password, owner, "password");
      const passwordHash = await passwords.hash(password);
      await withOutbox(db, relay, async (trx) => {
        const user = await lock(trx, userId);
        const replacement = { user, passwordHash, reason: "password-reset", provesEmail: false } as const;
        await replacePassword(trx, dependencies, { ...replacement, actor: operator, at: now() });
      });
    },
  };
}

async function lock(trx: Transaction<AuthTables>, userId: string): Promise<Credentials> {
  const user = await lockCredentials(trx, userId);
  if (!user) throw userNotFound();
  return user;
}

function userNotFound(): Error {
  return notFound("USER_NOT_FOUND", "There is no such account.");
}
