import { type Kysely, sql } from "kysely";

/** Whose accounts are closed, as far as the library was told. */
export const disabledOwnersMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("disabled_owners")
      .addColumn("owner_id", "uuid", (column) => column.primaryKey())
      .addColumn("disabled", "boolean", (column) => column.notNull())
      // UUIDv7: what was said last has the greatest.
      .addColumn("event_id", "uuid", (column) => column.notNull())
      .addColumn("at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .execute();
  },
};
