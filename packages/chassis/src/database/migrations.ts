import type { Kysely } from "kysely";
import { type Migration, Migrator } from "kysely/migration";
import { Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";
import { type Database, ensureSchema } from "./database.ts";

/** Forward-only migrations by name; names sort in the order they apply (`001_init`, `002_…`). */
export type Migrations = Record<string, { up(db: Kysely<unknown>): Promise<void> }>;

/**
 * Brings a store to the newest schema. Safe to call from several replicas at once.
 * @throws AppError FAILED_PRECONDITION/MIGRATION_FAILED naming the migration that failed.
 */
export async function migrate<Tables>(database: Database<Tables>, migrations: Migrations): Promise<void> {
  await ensureSchema(database);
  const migrator = new Migrator({
    db: database.db,
    provider: { getMigrations: async (): Promise<Record<string, Migration>> => migrations },
    migrationTableSchema: database.schema,
    migrationTableName: "migrations",
    migrationLockTableName: "migrations_lock",
  });
  const { error, results } = await migrator.migrateToLatest();
  if (!error) return;
  const failed = results?.find((result) => result.status === "Error")?.migrationName ?? "unknown";
  throw new AppError({
    code: Status.FAILED_PRECONDITION,
    reason: "MIGRATION_FAILED",
    message: `Migration ${failed} of ${database.schema} failed: ${error instanceof Error ? error.message : String(error)}`,
    cause: error,
  });
}
