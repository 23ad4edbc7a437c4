import { type Kysely, sql } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { Status } from "nice-grpc-common";
import { ConfigError } from "../config/settings.ts";
import { AppError } from "../errors/app-error.ts";
import { type Database, ensureSchema } from "./database.ts";

/** Forward-only migrations by name; names sort in the order they apply (`001_init`, `002_…`). */
export type Migrations = Record<string, { up(db: Kysely<unknown>): Promise<void> }>;

/** How a store's schema compares with the migrations that this code knows. */
export interface SchemaState {
  /** Migrations of this code that the store lacks, in the order they apply. */
  readonly pending: readonly string[];
  /** Migrations of the store that this code does not know: a newer version was here. */
  readonly unknown: readonly string[];
}

const table = "migrations";

/**
 * Brings a store to the newest schema. Safe to call from several replicas at once: they take turns, and only the first
 * finds something to do.
 * @returns the names of the migrations applied.
 * @throws ConfigError when the schema is of a newer version, AppError FAILED_PRECONDITION/MIGRATION_FAILED naming the
 * migration that failed; of a failed call nothing stays.
 */
export async function migrate<Tables>(
  database: Database<Tables>,
  migrations: Migrations,
): Promise<readonly string[]> {
  await ensureSchema(database);
  refuseNewer(database, (await inspectSchema(database, migrations)).unknown);
  const migrator = new Migrator({
    db: database.db,
    provider: { getMigrations: async (): Promise<Record<string, Migration>> => migrations },
    migrationTableSchema: database.schema,
    migrationTableName: table,
    migrationLockTableName: "migrations_lock",
  });
  const { error, results } = await migrator.migrateToLatest();
  if (!error) return results?.map((result) => result.migrationName) ?? [];
  const failed = results?.find((result) => result.status === "Error")?.migrationName ?? "unknown";
  throw new AppError({
    code: Status.FAILED_PRECONDITION,
    reason: "MIGRATION_FAILED",
    message: `Migration ${failed} of ${database.schema} failed: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}

/** Compares a store's schema with the migrations that this code knows; changes nothing. */
export async function inspectSchema<Tables>(
  database: Database<Tables>,
  migrations: Migrations,
): Promise<SchemaState> {
  const applied = await appliedMigrations(database);
  const known = Object.keys(migrations).sort();
  return {
    pending: known.filter((name) => !applied.has(name)),
    unknown: [...applied].filter((name) => !known.includes(name)).sort(),
  };
}

/**
 * Makes sure that a store has exactly the schema that this code knows; changes nothing.
 * @throws ConfigError saying what is missing, or that the schema is of a newer version.
 */
export async function requireCurrentSchema<Tables>(
  database: Database<Tables>,
  migrations: Migrations,
): Promise<void> {
  const { pending, unknown } = await inspectSchema(database, migrations);
  refuseNewer(database, unknown);
  if (pending.length === 0) return;
  const { schema } = database;
  throw new ConfigError([
    `MIGRATE_ON_START is false and the schema of ${schema} is behind (${listOf(pending)}): run \`ocelli migrate ${schema}\` first`,
  ]);
}

/** What a newer version made of the tables, this one would misread or break: better not to start. */
function refuseNewer(database: { schema: string }, unknown: readonly string[]): void {
  if (unknown.length === 0) return;
  throw new ConfigError([
    `the schema of ${database.schema} is of another, newer version (${listOf(unknown)} unknown here): run that version, or restore a backup made before it`,
  ]);
}

async function appliedMigrations<Tables>(database: Database<Tables>): Promise<Set<string>> {
  const { db, schema } = database;
  const id = sql.id(schema, table);
  const found = await sql<{ exists: boolean }>`
    select exists (
      select from pg_catalog.pg_tables where schemaname = ${schema} and tablename = ${table}
    ) as exists
  `.execute(db);
  if (!found.rows[0]?.exists) return new Set();
  const { rows } = await sql<{ name: string }>`select name from ${id}`.execute(db);
  return new Set(rows.map(({ name }) => name));
}

function listOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}
