import { openDatabase } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/testkit";
import { type Kysely, sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { SearchTables } from "../src/store/tables.ts";
import { findCapability, type VectorCapability } from "../src/store/vector-storage.ts";

let server: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let database: ReturnType<typeof openDatabase<SearchTables>>;

beforeAll(async () => {
  server = await startEmbeddedDatabase();
  database = openDatabase<SearchTables>({ url: server.url, schema: "search" });
});
afterAll(async () => {
  await database?.close();
  await server?.close();
});

const rolledBack = new Error("rolled back");

/** What is found out in a transaction after some statements, none of which stays. */
async function capabilityAfter(...statements: string[]): Promise<VectorCapability | undefined> {
  let found: VectorCapability | undefined;
  await database.db
    .transaction()
    .execute(async (trx) => {
      for (const statement of statements) await sql.raw(statement).execute(trx);
      found = await findCapability(trx as unknown as Kysely<unknown>);
      // The transaction is to be of use still.
      await sql`select 1`.execute(trx);
      throw rolledBack;
    })
    .catch((error: unknown) => {
      if (error !== rolledBack) throw error;
    });
  return found;
}

const bytes = { storage: "bytes", hasGraph: false };

test("pgvector is switched on where it may be", async () => {
  expect(await capabilityAfter()).toEqual({ storage: "halfvec", hasGraph: false });
});

test("a user who may not switch pgvector on stores vectors as bytes", async () => {
  const refused = ["drop extension if exists vector", "create role limited", "set local role limited"];
  expect(await capabilityAfter(...refused)).toEqual(bytes);
});

test("pgvector before 0.7, which has no halfvec, is not used; the version that is switched on counts", async () => {
  const install = "create extension if not exists vector with schema public";
  const version = (value: string) =>
    `update pg_extension set extversion = '${value}' where extname = 'vector'`;
  expect(await capabilityAfter(install, version("0.6.2"))).toEqual(bytes);
  expect(await capabilityAfter(install, version("0.7.0"))).toMatchObject({ storage: "halfvec" });
});
