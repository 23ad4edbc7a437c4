import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import pg from "pg";
import { type OcelliProcess, startOcelli, temporaryFolder } from "./ocelli-process.ts";

/** A running Ocelli into whose database a test can look. */
export interface ObservedOcelli {
  readonly process: OcelliProcess;
  readonly url: string;
  readonly dataFolder: string;
  readonly databaseUrl: string;
  /** Rows of a query. */
  rows<Row extends pg.QueryResultRow>(query: string, values?: unknown[]): Promise<Row[]>;
  stop(): Promise<void>;
}

/** Starts `ocelli up` on a database of the test's own. */
export async function startObserved(env: NodeJS.ProcessEnv = {}): Promise<ObservedOcelli> {
  const database = await startEmbeddedDatabase();
  const dataFolder = temporaryFolder();
  const process = await startOcelli(["up"], {
    OCELLI_DATA: dataFolder,
    OCELLI_EVENTS: "in-process",
    DATABASE_URL: database.url,
    RATE_LIMIT_AUTH: "off",
    ...env,
  });
  const client = new pg.Client({ connectionString: database.url });
  await client.connect();
  return {
    process,
    url: process.address,
    dataFolder,
    databaseUrl: database.url,
    rows: async <Row extends pg.QueryResultRow>(query: string, values: unknown[] = []) =>
      (await client.query<Row>(query, values)).rows,
    async stop() {
      await client.end();
      await process.end("SIGTERM");
      await database.close();
    },
  };
}
