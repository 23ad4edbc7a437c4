import { type Kysely, sql } from "kysely";

/** What every owner's photos take, beside how much they may take; and bytes that wait for their removal. */
export const usageMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("owner_usage")
      .addColumn("owner_id", "uuid", (column) => column.primaryKey())
      .addColumn("photos", "bigint", (column) => column.notNull().defaultTo(0).check(sql`photos >= 0`))
      .addColumn("bytes", "bigint", (column) => column.notNull().defaultTo(0).check(sql`bytes >= 0`))
      .addColumn("max_photos", "bigint", (column) => column.check(sql`max_photos >= 0`))
      .addColumn("max_bytes", "bigint", (column) => column.check(sql`max_bytes >= 0`))
      .execute();
    await sql`
      insert into library.owner_usage (owner_id, photos, bytes)
      select p.owner_id, count(*), sum(i.size_bytes)
      from library.photos p join library.images i on i.sha256 = p.sha256
      group by p.owner_id`.execute(db);
    // Whether bytes are anybody's is asked for each photo that is deleted, by the foreign key as well.
    await db.schema.createIndex("photos_sha256_idx").on("photos").column("sha256").execute();
    await db.schema
      .createTable("loose_blobs")
      .addColumn("sha256", "text", (column) => column.primaryKey())
      .addColumn("since", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .execute();
  },
};
