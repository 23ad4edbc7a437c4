import type { Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { type RevokeReason, revokeSessions } from "./sessions.ts";
import { deleteActionTokens } from "./store/action-tokens.ts";
import type { AuthTables } from "./store/tables.ts";
import { type Credentials, updatePassword } from "./store/users.ts";

/** A password to put in place of another; the user's row is locked. */
export interface PasswordReplacement {
  user: Credentials;
  passwordHash: string;
  reason: Extract<RevokeReason, "password-changed" | "password-reset">;
  /** Session that stays open. */
  except?: string | undefined;
  /** True when the way the password came also proves that the address is the user's. */
  provesEmail: boolean;
  actor: Actor;
  at: Date;
}

/**
 * Puts a new password in place. What rested on the old one ends with it: sessions, and links on their way that could
 * undo the change, such as one to another address that an intruder asked for. Returns the sessions that ended.
 */
export async function replacePassword(
  trx: Transaction<AuthTables>,
  { audit, mailer }: { audit: AuditLog; mailer: Mailer },
  replacement: PasswordReplacement,
): Promise<string[]> {
  const { user, passwordHash, reason, except, provesEmail, actor, at } = replacement;
  const { userId } = user;
  await updatePassword(trx, { userId, passwordHash, ...(provesEmail ? { emailVerifiedAt: at } : {}) });
  await deleteActionTokens(trx, userId, provesEmail ? undefined : { verifying: user.emailCanonical });
  const ended = await revokeSessions(trx, { userId, reason, at, except });
  const action = reason === "password-reset" ? "password.reset" : "password.changed";
  await audit.record(trx, { actor, action, userId });
  await mailer.queue(trx, { userId, email: user.email }, { template: "password-changed", name: user.name });
  return ended;
}
