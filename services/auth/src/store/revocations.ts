import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** Marks grants as revoked. */
export async function insertRevocations(
  trx: Transaction<AuthTables>,
  grantIds: readonly string[],
  revokedAt: Date,
): Promise<void> {
  if (grantIds.length === 0) return;
  await trx
    .insertInto("revocations")
    .values(grantIds.map((id) => ({ grant_id: id, revoked_at: revokedAt })))
    .onConflict((conflict) => conflict.column("grant_id").doNothing())
    .execute();
}

/** Grants revoked since a time, newest first; older marks are deleted on the way. */
export async function listRevocations(
  db: Kysely<AuthTables>,
  since: Date,
  limit: number,
): Promise<Array<{ grantId: string; revokedAt: Date }>> {
  await db.deleteFrom("revocations").where("revoked_at", "<", since).execute();
  return db
    .selectFrom("revocations")
    .select(["grant_id as grantId", "revoked_at as revokedAt"])
    .orderBy("revoked_at", "desc")
    .limit(limit)
    .execute();
}
