import { type Kysely, sql } from "kysely";

/** Verified addresses, second factors, API keys, service accounts, OpenID identities, limits, mail and audit log. */
export const access = {
  async up(db: Kysely<unknown>): Promise<void> {
    await extendUsers(db);
    await extendSessions(db);
    await extendSigningKeys(db);
    await createRevocations(db);
    await createActionTokens(db);
    await createApiKeys(db);
    await createServiceAccounts(db);
    await createSecondFactors(db);
    await createOidc(db);
    await createLimits(db);
    await createMails(db);
    await createAuditLog(db);
  },
};

async function extendUsers(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("users")
    .addColumn("email_verified_at", "timestamptz")
    .addColumn("disabled_at", "timestamptz")
    .alterColumn("password_hash", (column) => column.dropNotNull())
    .execute();
  await db.schema.createIndex("users_created").on("users").columns(["created_at", "id"]).execute();
}

async function extendSessions(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("sessions")
    .addColumn("address", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("user_agent", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("method", "text", (column) => column.notNull().defaultTo("password"))
    .execute();
}

async function extendSigningKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .alterTable("signing_keys")
    .addColumn("activates_at", "timestamptz")
    .addColumn("retired_at", "timestamptz")
    .execute();
  await sql`update auth.signing_keys set activates_at = created_at`.execute(db);
  await sql`update auth.signing_keys set retired_at = now() where status = 'retired'`.execute(db);
  await sql`alter table auth.signing_keys alter column activates_at set not null`.execute(db);
}

async function createRevocations(db: Kysely<unknown>): Promise<void> {
  // Not a column of what was revoked: a deleted account takes its sessions and keys with it, and they stay revoked.
  await db.schema
    .createTable("revocations")
    .addColumn("grant_id", "uuid", (column) => column.primaryKey())
    .addColumn("revoked_at", "timestamptz", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("revocations_at").on("revocations").column("revoked_at").execute();
}

async function createActionTokens(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("action_tokens")
    .addColumn("token_hash", "bytea", (column) => column.primaryKey())
    .addColumn("user_id", "uuid", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("purpose", "text", (column) =>
      column.notNull().check(sql`purpose in ('reset-password', 'verify-email')`),
    )
    .addColumn("email", "text", (column) => column.notNull())
    .addColumn("email_canonical", "text", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("action_tokens_user").on("action_tokens").column("user_id").execute();
}

async function createApiKeys(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("api_keys")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("user_id", "uuid", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("name", "text", (column) => column.notNull())
    .addColumn("prefix", "text", (column) => column.notNull())
    .addColumn("secret_hash", "bytea", (column) => column.notNull().unique())
    .addColumn("scopes", sql`text[]`, (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz")
    .addColumn("last_used_at", "timestamptz")
    .execute();
  await db.schema.createIndex("api_keys_user").on("api_keys").columns(["user_id", "id"]).execute();
}

async function createServiceAccounts(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("service_accounts")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("name", "text", (column) => column.notNull().unique())
    .addColumn("secret_hash", "bytea", (column) => column.notNull())
    .addColumn("scopes", sql`text[]`, (column) => column.notNull())
    .addColumn("user_id", "uuid", (column) => column.references("users.id").onDelete("cascade"))
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("last_used_at", "timestamptz")
    .execute();
}

async function createSecondFactors(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("second_factors")
    .addColumn("user_id", "uuid", (column) => column.primaryKey().references("users.id").onDelete("cascade"))
    .addColumn("secret", "bytea", (column) => column.notNull())
    .addColumn("encrypted", "boolean", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("confirmed_at", "timestamptz")
    .addColumn("last_step", "bigint")
    .execute();
  await db.schema
    .createTable("recovery_codes")
    .addColumn("user_id", "uuid", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("code_hash", "bytea", (column) => column.notNull())
    .addPrimaryKeyConstraint("recovery_codes_pkey", ["user_id", "code_hash"])
    .execute();
}

async function createOidc(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("identities")
    .addColumn("issuer", "text", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("user_id", "uuid", (column) => column.notNull().references("users.id").onDelete("cascade"))
    .addColumn("linked_at", "timestamptz", (column) => column.notNull())
    .addPrimaryKeyConstraint("identities_pkey", ["issuer", "subject"])
    .execute();
  await db.schema.createIndex("identities_user").on("identities").column("user_id").execute();
  await db.schema
    .createTable("oidc_logins")
    .addColumn("state_hash", "bytea", (column) => column.primaryKey())
    .addColumn("browser_hash", "bytea", (column) => column.notNull())
    .addColumn("code_verifier", "bytea", (column) => column.notNull())
    .addColumn("nonce", "text", (column) => column.notNull())
    .addColumn("return_to", "text", (column) => column.notNull())
    .addColumn("user_id", "uuid", (column) => column.references("users.id").onDelete("cascade"))
    .addColumn("session_id", "uuid", (column) => column.references("sessions.id").onDelete("cascade"))
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("oidc_logins_expires").on("oidc_logins").column("expires_at").execute();
}

async function createLimits(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("attempt_windows")
    .addColumn("key", "bytea", (column) => column.primaryKey())
    .addColumn("window_start", "timestamptz", (column) => column.notNull())
    .addColumn("count", "integer", (column) => column.notNull())
    .addColumn("previous_count", "integer", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .execute();
  await db.schema.createIndex("attempt_windows_expires").on("attempt_windows").column("expires_at").execute();
  await db.schema
    .createTable("attempt_failures")
    .addColumn("key", "bytea", (column) => column.primaryKey())
    .addColumn("failures", "integer", (column) => column.notNull())
    .addColumn("blocked_until", "timestamptz", (column) => column.notNull())
    .addColumn("expires_at", "timestamptz", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("attempt_failures_expires")
    .on("attempt_failures")
    .column("expires_at")
    .execute();
}

async function createMails(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("mails")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("user_id", "uuid", (column) => column.references("users.id").onDelete("cascade"))
    .addColumn("recipient", "text", (column) => column.notNull())
    .addColumn("template", "text", (column) => column.notNull())
    .addColumn("content", "bytea", (column) => column.notNull())
    .addColumn("encrypted", "boolean", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("next_attempt_at", "timestamptz", (column) => column.notNull())
    .addColumn("last_error", "text", (column) => column.notNull().defaultTo(""))
    .execute();
  await db.schema.createIndex("mails_next").on("mails").column("next_attempt_at").execute();
}

async function createAuditLog(db: Kysely<unknown>): Promise<void> {
  // No foreign keys: entries outlive the accounts they are about.
  await db.schema
    .createTable("audit_log")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("at", "timestamptz", (column) => column.notNull())
    .addColumn("actor", "text", (column) => column.notNull())
    .addColumn("action", "text", (column) => column.notNull())
    .addColumn("subject_user_id", "uuid")
    .addColumn("target_id", "text", (column) => column.notNull())
    .addColumn("outcome", "text", (column) => column.notNull().check(sql`outcome in ('success', 'failure')`))
    .addColumn("reason", "text", (column) => column.notNull())
    .addColumn("address", "text", (column) => column.notNull())
    .addColumn("user_agent", "text", (column) => column.notNull())
    .execute();
  await db.schema
    .createIndex("audit_log_subject")
    .on("audit_log")
    .columns(["subject_user_id", "id"])
    .execute();
  await db.schema.createIndex("audit_log_actor").on("audit_log").columns(["actor", "id"]).execute();
  await db.schema.createIndex("audit_log_at").on("audit_log").column("at").execute();
  await sql`
    create function auth.audit_log_append_only() returns trigger language plpgsql as $$
    begin
      if tg_op = 'DELETE' then
        if old.at < now() - interval '30 days' then
          return old;
        end if;
      end if;
      raise exception 'the audit log is append-only';
    end $$`.execute(db);
  await sql`
    create trigger audit_log_append_only before update or delete on auth.audit_log
    for each row execute function auth.audit_log_append_only()`.execute(db);
  await sql`
    create trigger audit_log_no_truncate before truncate on auth.audit_log
    for each statement execute function auth.audit_log_append_only()`.execute(db);
}
