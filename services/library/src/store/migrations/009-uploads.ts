import { type Kysely, sql } from "kysely";

/** Uploads in pieces; their bytes lie in the temporary folder of the blob store. */
export const uploadsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("uploads")
      .addColumn("id", "uuid", (column) => column.primaryKey())
      .addColumn("owner_id", "uuid", (column) => column.notNull())
      .addColumn("filename", "text", (column) => column.notNull())
      .addColumn("album_id", "uuid")
      .addColumn("size_bytes", "bigint", (column) => column.notNull().check(sql`size_bytes > 0`))
      .addColumn("offset_bytes", "bigint", (column) =>
        column.notNull().defaultTo(0).check(sql`offset_bytes between 0 and size_bytes`),
      )
      .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .addColumn("expires_at", "timestamptz", (column) => column.notNull())
      .addColumn("lease_id", "uuid")
      .addColumn("lease_until", "timestamptz")
      .addColumn("photo_id", "uuid")
      .addColumn("duplicate", "boolean", (column) => column.notNull().defaultTo(false))
      .addColumn("failure_reason", "text")
      .addColumn("failure_message", "text")
      .execute();
    await db.schema.createIndex("uploads_owner_idx").on("uploads").column("owner_id").execute();
    await db.schema.createIndex("uploads_expires_idx").on("uploads").column("expires_at").execute();
  },
};
