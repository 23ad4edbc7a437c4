import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadSettings, serviceSettings } from "@ocelli/chassis";
import { settings } from "./config.ts";
import { findDataHolder, openDataDirectory } from "./data-directory.ts";
import type { Releases } from "./releases.ts";
import type { ServiceName } from "./service-names.ts";
import { StartupError } from "./startup-error.ts";

/** Help text of the option that names a database. */
export const databaseOption = {
  flags: "--database <url>",
  description:
    "the service's Postgres (DATABASE_URL_<SERVICE>, DATABASE_URL); without it the installation in OCELLI_DATA, running or stopped",
} as const;

/** What {@link openServiceStore} needs. */
export interface ServiceStoreOptions {
  service: Exclude<ServiceName, "gateway">;
  /** What the command was given. */
  database: string | undefined;
  env: NodeJS.ProcessEnv;
  /** Gets what must be released after the command. */
  releases: Releases;
}

/**
 * The URL of a service's database: the one given, that of the settings, that of the running installation in
 * OCELLI_DATA, or that of the stopped one, which is opened and held until released.
 * @throws StartupError when the installation runs but its database is not to be found.
 */
export async function openServiceStore(options: ServiceStoreOptions): Promise<string> {
  const { service, env, releases } = options;
  const { databaseUrl, sharedDatabaseUrl } = serviceSettings(service, 0);
  const config = loadSettings({ databaseUrl, sharedDatabaseUrl, dataDir: settings.dataDir }, env);
  const given = options.database ?? config.databaseUrl ?? config.sharedDatabaseUrl;
  if (given !== undefined) return given;
  // `ocelli up` keeps everything in the folder itself, `ocelli serve` each service in a folder of its own.
  const folders = [config.dataDir, join(config.dataDir, service)];
  return findRunning(folders) ?? openStopped(folders, releases);
}

function findRunning(folders: readonly string[]): string | undefined {
  const holders = folders.flatMap((folder) => findDataHolder(folder) ?? []);
  const url = holders.find((holder) => holder.databaseUrl !== undefined)?.databaseUrl;
  const [holder] = holders;
  if (url !== undefined || !holder) return url;
  throw new StartupError(
    `process ${holder.pid} holds the data directory and offers no database: when it is starting, or another command, try again in a moment; when it uses a database of its own settings, give that with --database or DATABASE_URL`,
  );
}

async function openStopped(folders: readonly string[], releases: Releases): Promise<string> {
  const used = folders.find((folder) => existsSync(join(folder, "database")));
  const data = openDataDirectory(used ?? folders[0] ?? ".");
  releases.add(() => data.release());
  const { startEmbeddedDatabase } = await import("@ocelli/embedded-database");
  const database = await startEmbeddedDatabase({ dataDir: data.file("database") });
  releases.add(() => database.close());
  return database.url;
}
