import { type Kysely, sql } from "kysely";

/** Users, sessions with their refresh tokens, and signing keys. */
export const init = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createUsers(db);
    await createSessions(db);
    await createSigningKeys(db);
  },
};

async function createUsers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("users")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("email_canonical", "text", (column) => column.notNull().unique())
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("role", "text", (column) => column.notNull().check(sql`role in ('user', 'admin')`))
    .addColumn("password_hash", "text", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .execute();
}

async function createSessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("sessions")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("user_id", "uuid", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("last_used_at", "timestamptz", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .addColumn("revoked_at", "timestamptz")
    .addColumn("revoked_reason", "text")
    .execute();
  await db.schema.createIndex("sessions_user").on("sessions").column("user_id").execute();
  await db.schema
    .createTable("refresh_tokens")
    .addColumn("token_hash", "bytea", (column) => column.primaryKey())
    .addColumn("session_id", "uuid", (column) =>
      column.notNull().references("sessions.id").onDelete("cascade"),
    )
    .addColumn("issued_at", "timestamptz", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .addColumn("used_at", "timestamptz")
    .addColumn("successor_sealed", "bytea")
    .execute();
  await db.schema.createIndex("refresh_tokens_session").on("refresh_tokens").column("session_id").execute();
}

async function createSigningKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("signing_keys")
    .addColumn("kid", "text", (column) => column.primaryKey())
    .addColumn("x", "text", (column) => column.notNull())
    .addColumn("private_key", "bytea", (column) => column.notNull())
    .addColumn("encrypted", "boolean", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull().check(sql`status in ('active', 'retired')`))
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .execute();
  // Replicas that start at once race for this one place.
  await db.schema
    .createIndex("signing_keys_one_active")
    .unique()
    .on("signing_keys")
    .column("status")
    .where(sql.ref("status"), "=", sql.lit("active"))
    .execute();
}
