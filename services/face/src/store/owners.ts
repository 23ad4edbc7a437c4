import type { Kysely } from "kysely";
import type { FaceTables } from "./tables.ts";

/**
 * Begins a change of an owner's faces or persons: others of the same owner wait until the transaction ends. First
 * statement of every such transaction.
 * @returns the revision that the change makes.
 */
export async function beginChange(trx: Kysely<FaceTables>, ownerId: string): Promise<number> {
  const { revision } = await trx
    .insertInto("face_owners")
    .values({ owner_id: ownerId, revision: 1 })
    .onConflict((conflict) =>
      conflict.column("owner_id").doUpdateSet((eb) => ({ revision: eb("face_owners.revision", "+", 1) })),
    )
    .returning("revision")
    .executeTakeFirstOrThrow();
  return revision;
}

/** Whether an owner's faces are processed; they are until the owner says no. */
export async function facesEnabled(db: Kysely<FaceTables>, ownerId: string): Promise<boolean> {
  const row = await db
    .selectFrom("face_owners")
    .select("enabled")
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
  return row?.enabled ?? true;
}

/** {@link facesEnabled}, for sure until the transaction ends; for what changes neither faces nor persons. */
export async function lockFacesEnabled(trx: Kysely<FaceTables>, ownerId: string): Promise<boolean> {
  const row = await trx
    .selectFrom("face_owners")
    .select("enabled")
    .where("owner_id", "=", ownerId)
    .forUpdate()
    .executeTakeFirst();
  return row?.enabled ?? true;
}

/** Writes the switch, and ends a regrouping that was asked for. The transaction has begun with {@link beginChange}. */
export async function writeFacesEnabled(
  trx: Kysely<FaceTables>,
  ownerId: string,
  enabled: boolean,
): Promise<void> {
  await trx
    .updateTable("face_owners")
    .set({
      enabled,
      regroup_requested_at: null,
      regroup_finished_at: null,
      regroup_phase: null,
      regroup_cursor: null,
    })
    .where("owner_id", "=", ownerId)
    .execute();
}
