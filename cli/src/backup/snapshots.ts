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
      if (how === "commit") await commitAll(urls, open);
      else await rollbackAll(open.values());
    } finally {
      await Promise.allSettled(databases.map(closeSoon));
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

/** Commits one after another. @throws Error when one fails; it says which stores were committed before. */
async function commitAll(
  urls: StoreUrls,
  open: ReadonlyMap<string, { trx: ControlledTransaction<unknown> }>,
): Promise<void> {
  const committed: string[] = [];
  for (const [url, { trx }] of open) {
    try {
      await trx.commit().execute();
    } catch (error) {
      // Those that stay open would hold their connections, and their locks, for ever.
      await rollbackAll([...open.values()].filter((each) => !each.trx.isCommitted));
      if (committed.length === 0) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new StartupError(
        `only the stores of ${committed.join(", ")} were written, the others failed (${why}); empty all of them and begin again`,
        { cause: error },
      );
    }
    committed.push(...storeNames.filter((name) => urls[name] === url));
  }
}

/** A transaction whose connection broke is rolled back by its server. */
async function rollbackAll(open: Iterable<{ trx: ControlledTransaction<unknown> }>): Promise<void> {
  await Promise.allSettled([...open].map(({ trx }) => trx.rollback().execute()));
}

const closeTimeoutMs = 5_000;

/** A pool waits for connections that were never given back, which those that broke in a transaction are. */
async function closeSoon(database: Database<unknown>): Promise<void> {
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, closeTimeoutMs);
  await Promise.race([database.close(), late.promise]).finally(() => clearTimeout(timer));
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
