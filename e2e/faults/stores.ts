import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import type { Mesh, meshServices } from "../harness/mesh.ts";

/** A service with a store. */
export type Store = (typeof meshServices)[number];

/** Rows of a query in a service's store. */
export type Ask = <Row extends pg.QueryResultRow>(
  store: Store,
  query: string,
  values?: unknown[],
) => Promise<Row[]>;

/** Address of a service's store; of search's, which it keeps itself, while it runs. */
export function storeUrl(mesh: Mesh, store: Store): string {
  if (store !== "search") return mesh.databaseUrl(store);
  const file = join(mesh.dataFolder, "search", "database-url");
  if (!existsSync(file)) throw new Error("search does not run, and its store with it");
  return readFileSync(file, "utf8");
}

/** Asks the stores of a mesh, each time on a connection of its own: any of them may go between two questions. */
export function storesOf(mesh: Mesh): Ask {
  return async (store, query, values = []) => {
    const client = new pg.Client({ connectionString: storeUrl(mesh, store), connectionTimeoutMillis: 5_000 });
    // A break is told by the query in hand.
    client.on("error", () => undefined);
    await client.connect();
    try {
      return (await client.query(query, values)).rows;
    } finally {
      await client.end();
    }
  };
}
