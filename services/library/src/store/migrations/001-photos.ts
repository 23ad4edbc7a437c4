import { type Kysely, sql } from "kysely";

/** Images by content, photos by owner, and the state of every stage of every photo. */
export const photosMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("images")
      .addColumn("sha256", "text", (column) => column.primaryKey())
      .addColumn("media_type", "text", (column) => column.notNull())
      .addColumn("width", "integer", (column) => column.notNull())
      .addColumn("height", "integer", (column) => column.notNull())
      .addColumn("size_bytes", "bigint", (column) => column.notNull())
      .addColumn("taken_at", "timestamptz")
      .addColumn("exif", "jsonb")
      .execute();
    await db.schema
      .createTable("photos")
      .addColumn("id", "uuid", (column) => column.primaryKey())
      .addColumn("owner_id", "uuid", (column) => column.notNull())
      .addColumn("sha256", "text", (column) => column.notNull().references("library.images.sha256"))
      .addColumn("filename", "text", (column) => column.notNull())
      .addColumn("favorite", "boolean", (column) => column.notNull().defaultTo(false))
      .addColumn("created_at", "timestamptz", (column) => column.notNull())
      .addUniqueConstraint("photos_owner_sha256_key", ["owner_id", "sha256"])
      .execute();
    await db.schema
      .createIndex("photos_owner_id_idx")
      .on("photos")
      .columns(["owner_id", "id desc"])
      .execute();
    await createStages(db);
  },
};

async function createStages(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("photo_stages")
    .addColumn("photo_id", "uuid", (column) =>
      column.notNull().references("library.photos.id").onDelete("cascade"),
    )
    .addColumn("stage", "text", (column) => column.notNull())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("status", "text", (column) =>
      column.notNull().check(sql`status in ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'SKIPPED')`),
    )
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("error", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("model", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("ms", "double precision", (column) => column.notNull().defaultTo(0))
    .addColumn("updated_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addPrimaryKeyConstraint("photo_stages_pkey", ["photo_id", "stage"])
    .execute();
  // Holds only what is in hand, so counting the backlog costs the same in a library of any size.
  await db.schema
    .createIndex("photo_stages_unfinished")
    .on("photo_stages")
    .column("photo_id")
    .where(sql<string>`status`, "in", [sql.lit("PENDING"), sql.lit("RUNNING")])
    .execute();
}
