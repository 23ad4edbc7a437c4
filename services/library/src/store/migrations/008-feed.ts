import { type Kysely, sql } from "kysely";

/** Every owner's feed, and the webhooks that are told of it. */
export const feedMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    // The row that whoever appends locks: ids of an owner become visible in their order, and without gaps.
    await db.schema
      .createTable("feed_heads")
      .addColumn("owner_id", "uuid", (column) => column.primaryKey())
      .addColumn("last_id", "bigint", (column) => column.notNull())
      .addColumn("purged_id", "bigint", (column) => column.notNull().defaultTo(0))
      .execute();
    await db.schema
      .createTable("feed")
      .addColumn("owner_id", "uuid", (column) => column.notNull())
      .addColumn("id", "bigint", (column) => column.notNull())
      .addColumn("type", "text", (column) => column.notNull())
      .addColumn("at", "timestamptz", (column) => column.notNull())
      .addColumn("subject_id", "text", (column) => column.notNull())
      .addColumn("data", "jsonb", (column) => column.notNull())
      .addPrimaryKeyConstraint("feed_pkey", ["owner_id", "id"])
      .execute();
    // The last entry of a job says whether the next one may follow.
    await db.schema
      .createIndex("feed_of_job")
      .on("feed")
      .columns(["owner_id", "subject_id", "id"])
      .where(sql<string>`type`, "=", sql.lit("job.updated"))
      .execute();
    await createWebhooks(db);
    await createDeliveries(db);
  },
};

async function createWebhooks(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("webhooks")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("url", "text", (column) => column.notNull())
    .addColumn("types", sql`text[]`, (column) => column.notNull())
    .addColumn("secret", "bytea", (column) => column.notNull())
    .addColumn("sealed", "boolean", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("enabled", "boolean", (column) => column.notNull().defaultTo(true))
    .addColumn("given_up", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("feed_id", "bigint", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("webhooks_owner_id_idx")
    .on("webhooks")
    .columns(["owner_id", "id desc"])
    .execute();
}

async function createDeliveries(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("webhook_deliveries")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("webhook_id", "uuid", (column) =>
      column.notNull().references("library.webhooks.id").onDelete("cascade"),
    )
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("feed_id", "bigint", (column) => column.notNull())
    .addColumn("type", "text", (column) => column.notNull())
    .addColumn("subject_id", "text", (column) => column.notNull())
    .addColumn("at", "timestamptz", (column) => column.notNull())
    .addColumn("data", "jsonb", (column) => column.notNull())
    .addColumn("status", "text", (column) =>
      column.notNull().defaultTo("PENDING").check(sql`status in ('PENDING', 'DELIVERED', 'GIVEN_UP')`),
    )
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("error", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addColumn("next_attempt_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addColumn("leased_until", "timestamptz")
    .addColumn("ended_at", "timestamptz")
    .addUniqueConstraint("webhook_deliveries_entry_key", ["webhook_id", "feed_id"])
    .execute();
  await db.schema
    .createIndex("webhook_deliveries_pending")
    .on("webhook_deliveries")
    .columns(["webhook_id", "next_attempt_at"])
    .where(sql<string>`status`, "=", sql.lit("PENDING"))
    .execute();
  await db.schema
    .createIndex("webhook_deliveries_ended")
    .on("webhook_deliveries")
    .columns(["ended_at"])
    .where(sql<string>`status`, "<>", sql.lit("PENDING"))
    .execute();
  // What is deleted with its owner, and listed newest first.
  await db.schema
    .createIndex("webhook_deliveries_owner_id_idx")
    .on("webhook_deliveries")
    .columns(["owner_id", "webhook_id", "id desc"])
    .execute();
}
