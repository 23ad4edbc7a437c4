import { type Generated, type Kysely, type RawBuilder, sql } from "kysely";
import type { Migrations } from "../database/migrations.ts";
import type { EventTables } from "../events/tables.ts";
import { isUuid } from "../ids.ts";

/** The table of a service that remembers which users are gone, beside its own tables. */
export interface DeletedOwnerTables extends EventTables {
  /** Kept for good: what was under way when its owner was deleted must not come back. */
  deleted_owners: { user_id: string; deleted_at: Generated<Date> };
}

/** Creates the table of {@link DeletedOwnerTables}; one entry of a service's migrations. */
export const deletedOwnersMigration: Migrations[string] = {
  async up(db) {
    await db.schema
      .createTable("deleted_owners")
      .addColumn("user_id", "uuid", (column) => column.primaryKey())
      .addColumn("deleted_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .execute();
  },
};

/**
 * The expression that keeps an owner from being marked deleted until the transaction ends. Select it before the
 * statement that asks {@link ownerIsMarked}: a statement does not see what was committed while it waited.
 */
export function ownerLock(ownerId: string): RawBuilder<unknown> {
  return sql`pg_advisory_xact_lock_shared(${keyOf(ownerId)})`;
}

/** True when the owner is marked deleted, as this statement sees it. */
export async function ownerIsMarked<Tables extends DeletedOwnerTables>(
  db: Kysely<Tables>,
  ownerId: string,
): Promise<boolean> {
  // What is no id is nobody's; comparing it would be an error.
  if (!isUuid(ownerId)) return false;
  const row = await deletedOwnerTables(db)
    .selectFrom("deleted_owners")
    .select("user_id")
    .where("user_id", "=", ownerId)
    .executeTakeFirst();
  return row !== undefined;
}

/** True when the owner is gone; until the transaction ends nobody can mark it so. Ask before anything is stored. */
export async function isDeletedOwner<Tables extends DeletedOwnerTables>(
  trx: Kysely<Tables>,
  ownerId: string,
): Promise<boolean> {
  await sql`select ${ownerLock(ownerId)}`.execute(trx);
  return ownerIsMarked(trx, ownerId);
}

/**
 * Marks an owner deleted. When it resolves, every transaction that asked {@link isDeletedOwner} before has ended, and
 * every later one is told: what is deleted from then on stays deleted.
 */
export async function markOwnerDeleted<Tables extends DeletedOwnerTables>(
  db: Kysely<Tables>,
  ownerId: string,
): Promise<void> {
  await deletedOwnerTables(db)
    .transaction()
    .execute(async (trx) => {
      await sql`select pg_advisory_xact_lock(${keyOf(ownerId)})`.execute(trx);
      await trx
        .insertInto("deleted_owners")
        .values({ user_id: ownerId })
        .onConflict((conflict) => conflict.column("user_id").doNothing())
        .execute();
    });
}

function keyOf(ownerId: string): RawBuilder<unknown> {
  return sql`hashtextextended(${`owner ${ownerId}`}, 0)`;
}

function deletedOwnerTables<Tables extends DeletedOwnerTables>(
  db: Kysely<Tables>,
): Kysely<DeletedOwnerTables> {
  // Kysely is invariant in its tables although every query on the smaller set is valid on the larger one.
  return db as unknown as Kysely<DeletedOwnerTables>;
}
