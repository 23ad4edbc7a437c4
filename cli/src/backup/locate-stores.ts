import { existsSync } from "node:fs";
import { join } from "node:path";
import { loadSettings, serviceSettings } from "@ocelli/chassis";
import { settings } from "../config.ts";
import { findDataHolder, openDataDirectory } from "../data-directory.ts";
import type { Releases } from "../releases.ts";
import { StartupError } from "../startup-error.ts";
import { type StoreName, storeNames } from "./format.ts";
import type { StoreUrls } from "./snapshots.ts";

/** What {@link locateStores} needs. */
export interface LocateOptions {
  env: NodeJS.ProcessEnv;
  /** Gets what must be released after the command. */
  releases: Releases;
  /** A store that is about to be filled may be new, and nobody may use it. */
  forRestore: boolean;
}

/**
 * The databases of all stores: those of the settings, or those of the installation in OCELLI_DATA, running or stopped;
 * a stopped one is opened and held until released.
 * @throws StartupError when there is none to back up, or a running one to restore into.
 */
export async function locateStores(options: LocateOptions): Promise<StoreUrls> {
  const opened = new Map<string, Promise<string>>();
  const urls = new Map<StoreName, string>();
  for (const name of storeNames) {
    const { databaseUrl, sharedDatabaseUrl } = serviceSettings(name, 0);
    const config = loadSettings({ databaseUrl, sharedDatabaseUrl, dataDir: settings.dataDir }, options.env);
    const given = config.databaseUrl ?? config.sharedDatabaseUrl;
    urls.set(name, given ?? (await openFolder(folderOf(name, config.dataDir), options, opened)));
  }
  const of = (name: StoreName) => urls.get(name) ?? "";
  return {
    search: of("search"),
    captioning: of("captioning"),
    face: of("face"),
    scene: of("scene"),
    library: of("library"),
    auth: of("auth"),
  };
}

/** `ocelli up` keeps everything in the folder itself, `ocelli serve` each service in a folder of its own. */
function folderOf(name: StoreName, dataDir: string): string {
  const own = join(dataDir, name);
  return existsSync(join(dataDir, "database")) || !existsSync(own) ? dataDir : own;
}

function openFolder(
  folder: string,
  options: LocateOptions,
  opened: Map<string, Promise<string>>,
): Promise<string> {
  // Once for all services: a second database on the same folder would destroy it.
  const known = opened.get(folder) ?? open(folder, options);
  opened.set(folder, known);
  return known;
}

async function open(folder: string, { releases, forRestore }: LocateOptions): Promise<string> {
  const holder = findDataHolder(folder);
  if (holder && forRestore)
    throw new StartupError(
      `process ${holder.pid} uses ${folder}; stop it, and restore into an OCELLI_DATA that is new`,
    );
  if (holder?.databaseUrl !== undefined) return holder.databaseUrl;
  if (holder)
    throw new StartupError(
      `process ${holder.pid} holds ${folder} and offers no database: try again in a moment, or give its DATABASE_URL when it has one`,
    );
  if (!forRestore && !existsSync(join(folder, "database")))
    throw new StartupError(
      `there is no installation in ${folder} to back up; set OCELLI_DATA or DATABASE_URL`,
    );
  const data = openDataDirectory(folder);
  releases.add(() => data.release());
  const { startEmbeddedDatabase } = await import("@ocelli/embedded-database");
  const database = await startEmbeddedDatabase({ dataDir: data.file("database") });
  releases.add(() => database.close());
  return database.url;
}
