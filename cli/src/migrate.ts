import { existsSync } from "node:fs";
import { join } from "node:path";
import {
  describeFailure,
  inspectSchema,
  loadSettings,
  type Migrations,
  migrate,
  openDatabase,
  type SchemaState,
  serviceSettings,
} from "@ocelli/chassis";
import { settings } from "./config.ts";
import { Releases } from "./releases.ts";
import type { ServiceName } from "./service-names.ts";
import { openServiceStore } from "./service-store.ts";
import { StartupError } from "./startup-error.ts";

/** A service with a store. */
export type StoreName = Exclude<ServiceName, "gateway">;

/** What was done to a store, or, when it was only looked at, is to be done. */
export interface StoreReport {
  service: StoreName;
  /** Migrations applied, in their order. */
  applied: readonly string[];
  /** Migrations still to be applied; empty unless the store was only looked at. */
  pending: readonly string[];
  /** Name of the newest migration that this version knows. */
  newest: string;
}

/** Settings of {@link migrateStores}. */
export interface MigrateOptions {
  services: readonly StoreName[];
  /** Only look what is pending, change nothing. */
  check: boolean;
  /** `postgresql://…` for all of them; the settings decide when absent. */
  database: string | undefined;
  env: NodeJS.ProcessEnv;
  onReport(report: StoreReport): void;
}

// Imported one by one, so that the migration of one service needs no other service's code.
const migrationsOf: Record<StoreName, () => Promise<{ migrations: Migrations }>> = {
  auth: () => import("@ocelli/auth"),
  library: () => import("@ocelli/library"),
  captioning: () => import("@ocelli/captioning"),
  face: () => import("@ocelli/face"),
  scene: () => import("@ocelli/scene"),
  search: () => import("@ocelli/search"),
};

/**
 * Brings stores to the newest schema one after the other, reporting each as it is done; stops at the first that fails.
 * @throws StartupError naming the service whose database cannot be used, ConfigError when a schema is of a newer
 * version, AppError MIGRATION_FAILED.
 */
export async function migrateStores({ services, onReport, ...options }: MigrateOptions): Promise<void> {
  for (const service of services) onReport(await migrateStore(service, options));
}

async function migrateStore(
  service: StoreName,
  { check, database, env }: Omit<MigrateOptions, "services" | "onReport">,
): Promise<StoreReport> {
  const { migrations } = await migrationsOf[service]();
  const newest = Object.keys(migrations).sort().at(-1) ?? "";
  const releases = new Releases();
  try {
    requireStore(service, database, env);
    const url = await openServiceStore({ service, database, env, releases });
    const store = openDatabase({ url, schema: service, maxConnections: 1 });
    releases.add(store.close);
    await store.ping().catch((error: unknown) => {
      throw new StartupError(`the database of ${service} cannot be used (${describeFailure(error)})`);
    });
    if (!check) return { service, newest, applied: await migrate(store, migrations), pending: [] };
    const { pending, unknown } = await inspectSchema(store, migrations);
    refuseNewer(service, { pending, unknown });
    return { service, newest, applied: [], pending };
  } finally {
    await releases.run();
  }
}

/** A forgotten database URL must not make an empty store of its own, which would then be reported as up to date. */
function requireStore(service: StoreName, given: string | undefined, env: NodeJS.ProcessEnv): void {
  const { databaseUrl, sharedDatabaseUrl } = serviceSettings(service, 0);
  const config = loadSettings({ databaseUrl, sharedDatabaseUrl, dataDir: settings.dataDir }, env);
  if (given ?? config.databaseUrl ?? config.sharedDatabaseUrl) return;
  const folders = [config.dataDir, join(config.dataDir, service)];
  // A running installation with a Postgres of its own settings has no such folder, but holds the lock.
  if (folders.some((folder) => existsSync(join(folder, "database")) || existsSync(join(folder, "lock"))))
    return;
  throw new StartupError(
    `there is no store of ${service} to migrate: set ${databaseUrl.env} or DATABASE_URL, or OCELLI_DATA to the folder of an installation`,
  );
}

function refuseNewer(service: StoreName, { unknown }: SchemaState): void {
  if (unknown.length === 0) return;
  throw new StartupError(
    `the schema of ${service} is of another, newer version (${unknown.join(", ")} unknown here)`,
  );
}
