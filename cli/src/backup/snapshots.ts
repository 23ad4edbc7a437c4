import { type Database, openDatabase } from "@ocelli/chassis";
import { type ControlledTransaction, sql } from "kysely";
import { StartupError } from "../startup-error.ts";
import { settleFormats } from "./catalog.ts";
import { type StoreName, storeNames } from "./format.ts";

/** Where each store is. */
export type StoreUrls = Readonly<Record<StoreName, string>>;

/** A transaction in a store's database; stores of one database share it. */
export interface OpenStore {
  name: StoreName;
  trx: ControlledTransaction<unknown>;
  /** When its transaction began. */
  takenAt: Date;
}

/** Transactions in all databases. */
export interface OpenStores {
  stores: readonly OpenStore[];
  /** True when it is one transaction. */
  isShared: boolean;
  commit(): Promise<void>;
  rollback(): Promise<void>;
}

/**
 * Opens a transaction per database, consumers of events before those who make them. With `read` each sees its database
 * as it is at this moment and changes nothing.
 * @throws StartupError when a database cannot be reached.
 */
export async function openStores(urls: StoreUrls, mode: "read" | "write"): Promise<OpenStores> {
  const databases: Database<unknown>[] = [];
  const open = new Map<string, { trx: ControlledTransaction<unknown>; takenAt: Date }>();
  const end = async (how: "commit" | "rollback") => {
    try {
      for (const { trx } of open.values()) await trx[how]().execute();
    } finally {
      for (const database of databases) await database.close();
    }
  };
  try {
    for (const name of storeNames) {
      const url = urls[name];
      if (open.has(url)) continue;
      // The schema is named with each statement: the transaction may be of several.
      const database = openDatabase<unknown>({ url, schema: name, maxConnections: 1 });
      databases.push(database);
      await database.ping().catch((error: unknown) => {
        const why = error instanceof Error ? error.message : String(error);
        throw new StartupError(`the database of ${name} cannot be used (${why})`);
      });
      open.set(url, await begin(database, mode));
    }
  } catch (error) {
    await end("rollback").catch(() => undefined);
    throw error;
  }
  const stores = storeNames.flatMap((name) => {
    const found = open.get(urls[name]);
    return found ? [{ name, ...found }] : [];
  });
  return { stores, isShared: open.size === 1, commit: () => end("commit"), rollback: () => end("rollback") };
}

async function begin({ db }: Database<unknown>, mode: "read" | "write") {
  const start = db.startTransaction();
  const trx =
    mode === "read"
      ? await start.setIsolationLevel("repeatable read").setAccessMode("read only").execute()
      : await start.execute();
  await settleFormats(trx);
  // The snapshot is taken with the first query; this one is it, whatever the settings are counted as.
  const { rows } = await sql<{ now: Date }>`select clock_timestamp() as now`.execute(trx);
  return { trx, takenAt: rows[0]?.now ?? new Date() };
}
