import { failedPrecondition } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { deleteSecondFactor } from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";
import { findUser } from "./store/users.ts";

/**
 * Takes the second factor off an account, with its recovery codes, in the caller's transaction; its user is told.
 * @throws AppError FAILED_PRECONDITION/TWO_FACTOR_NOT_ENABLED.
 */
export async function removeSecondFactor(
  trx: Transaction<AuthTables>,
  { audit, mailer }: { audit: AuditLog; mailer: Mailer },
  { userId, actor }: { userId: string; actor: Actor },
): Promise<void> {
  if (!(await deleteSecondFactor(trx, userId))) throw twoFactorNotEnabled();
  await audit.record(trx, { actor, action: "two-factor.disabled", userId });
  await tellTwoFactorChange(trx, mailer, { userId, enabled: false });
}

/** Queues the mail that tells a user that logins ask for a code from now on, or no longer. */
export async function tellTwoFactorChange(
  trx: Transaction<AuthTables>,
  mailer: Mailer,
  { userId, enabled }: { userId: string; enabled: boolean },
): Promise<void> {
  const user = await findUser(trx, userId);
  if (!user) return;
  const mail = { template: "two-factor-changed", name: user.name, enabled } as const;
  await mailer.queue(trx, { email: user.email, userId }, mail);
}

/** FAILED_PRECONDITION/TWO_FACTOR_NOT_ENABLED. */
export function twoFactorNotEnabled(): Error {
  return failedPrecondition("TWO_FACTOR_NOT_ENABLED", "Two-factor authentication is not on.");
}
