import type { Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import { emitUserDispossessed } from "./events.ts";
import { revokeGrants } from "./revocation.ts";
import type { AuthTables } from "./store/tables.ts";
import { deleteLogins } from "./store/users.ts";

/**
 * Takes from an account whose address was never verified every way in but the password, when somebody first proves that
 * the address is his by resetting it. Whoever signed up may have been a stranger who registered the address before its
 * owner came, and left an API key, a second factor or a linked login behind to come back with. The event has other
 * services take back what he gave to others or had told to them.
 */
export async function dispossessStranger(
  trx: Transaction<AuthTables>,
  { audit, userId, actor, at }: { audit: AuditLog; userId: string; actor: Actor; at: Date },
): Promise<void> {
  const { apiKeyIds, hadSecondFactor } = await deleteLogins(trx, userId);
  await revokeGrants(
    trx,
    apiKeyIds.map((id) => ({ kind: "api-key", id, userId })),
    at,
  );
  const change = "address proven";
  for (const targetId of apiKeyIds) {
    await audit.record(trx, { actor, action: "api-key.deleted", userId, targetId, change });
  }
  if (hadSecondFactor) await audit.record(trx, { actor, action: "two-factor.disabled", userId, change });
  await emitUserDispossessed(trx, userId);
}
