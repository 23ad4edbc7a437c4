import type { Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import { type RevokedGrant, revokeGrants } from "./revocation.ts";
import { revokeSessions } from "./sessions.ts";
import type { AuthTables } from "./store/tables.ts";
import { deleteApiKeysOf, deleteServiceAccountsOf } from "./store/user-admin.ts";

/** What {@link endAccess} needs. */
export interface EndAccessOptions {
  userId: string;
  /** Kept with the sessions: why they ended. */
  reason: "account-disabled" | "account-deleted" | "role-changed";
  actor: Actor;
  audit: AuditLog;
  at: Date;
}

/**
 * Ends every access to an account in the caller's transaction: sessions, API keys, and service accounts that act for
 * it alone. Tokens in use are refused as soon as the services hear of it.
 */
export async function endAccess(trx: Transaction<AuthTables>, options: EndAccessOptions): Promise<void> {
  const { userId, reason, actor, audit, at } = options;
  await revokeSessions(trx, { userId, reason, at });
  const keys = await deleteApiKeysOf(trx, userId);
  const serviceAccounts = await deleteServiceAccountsOf(trx, userId);
  const grants: RevokedGrant[] = [
    ...keys.map((id) => ({ kind: "api-key", id, userId }) as const),
    ...serviceAccounts.map((id) => ({ kind: "service-account", id }) as const),
  ];
  await revokeGrants(trx, grants, at);
  for (const id of keys) {
    await audit.record(trx, { actor, action: "api-key.deleted", userId, targetId: id, change: reason });
  }
  for (const id of serviceAccounts) {
    await audit.record(trx, {
      actor,
      action: "service-account.deleted",
      userId,
      targetId: id,
      change: reason,
    });
  }
}
