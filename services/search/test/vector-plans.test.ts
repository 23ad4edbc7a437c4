import { randomUUID } from "node:crypto";
import type { Engine } from "@ocelli/inference";
import { startEmbeddedDatabase } from "@ocelli/testkit";
import { CompiledQuery, Kysely, PostgresDialect, sql } from "kysely";
import pg from "pg";
import { afterAll, beforeAll, expect, test } from "vitest";
import { listModels, type StoredModel } from "../src/store/index-models.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { scanGraph } from "../src/store/vector-search.ts";
import { createGraph } from "../src/store/vector-storage.ts";
import {
  exactly,
  openVectorsOn,
  recallOf,
  type StoredVector,
  startEngine,
  storePhotos,
  syntheticVectors,
  type VectorsUnderTest,
} from "./vectors-harness.ts";

const photos = 600;
const owner = randomUUID();
let engine: Engine;
let database: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let under: VectorsUnderTest;
let stored: StoredVector[];
let model: StoredModel;
let queries: Float32Array[];

/** Small tables are cheapest to read whole; the question is whether the index can answer at all. */
const asIfLarge = [
  "set local enable_seqscan = off",
  "set local enable_sort = off",
  "set local enable_bitmapscan = off",
];

beforeAll(async () => {
  engine = startEngine();
  database = await startEmbeddedDatabase();
  under = await openVectorsOn(database.url, engine);
  const source = await syntheticVectors(engine);
  stored = await storePhotos(
    under,
    owner,
    Array.from({ length: photos }, () => source.picture().embedding),
  );
  queries = Array.from({ length: 10 }, () => source.query().embedding);
  const [first] = await listModels(under.db);
  if (!first) throw new Error("no model was registered");
  model = { ...first, hasGraph: true };
  // The store's own statement; the embedded database does without the index only since it is slow to build.
  await createGraph(under.db as unknown as Kysely<unknown>, model.number);
  await sql`analyze`.execute(under.db);
}, 120_000);
afterAll(async () => {
  await under?.close();
  await engine?.close();
  await database?.close();
});

/** The plans of what the store sends, and the statements, as if the tables were large. */
async function plansOf(run: (db: Kysely<SearchTables>) => Promise<unknown>) {
  const pool = new pg.Pool({ connectionString: database.url, max: 1 });
  const statements: CompiledQuery[] = [];
  const db = new Kysely<SearchTables>({
    dialect: new PostgresDialect({ pool }),
    log: ({ query }) => void statements.push(query),
  });
  await run(db);
  const scan = statements.find((each) => each.sql.includes("order by"));
  if (!scan) throw new Error("nothing was put in order");
  const plan = await db.transaction().execute(async (trx) => {
    for (const setting of asIfLarge) await trx.executeQuery(CompiledQuery.raw(setting));
    const explain = CompiledQuery.raw(`explain ${scan.sql}`, [...scan.parameters]);
    const { rows } = await trx.executeQuery<{ "QUERY PLAN": string }>(explain);
    return rows.map((row) => row["QUERY PLAN"]).join("\n");
  });
  await db.destroy();
  return { plan, sql: scan.sql, all: statements.map((each) => each.sql) };
}

test.each([
  ["all photos", undefined],
  ["photos of a filter", sql<boolean>`d.caption like 'number 1%'`],
])(
  "the HNSW index answers for %s: ordered by the distance alone, nothing sorted again",
  async (_name, within) => {
    const [embedding = new Float32Array(384)] = queries;
    const query = { model, ownerId: owner, embedding, within };
    const { plan, sql: statement } = await plansOf((db) => scanGraph(db, query, 10, 200));
    expect(plan).toContain("vectors_1_graph");
    expect(plan).not.toMatch(/\bSort\b/);
    expect(/order by (.*)\n/.exec(statement)?.[1]).toMatch(/^v\.vector <=> \$\d+::public\.halfvec$/);
  },
);

test("search width and iterative scan hold for the statement's transaction only", async () => {
  const [embedding = new Float32Array(384)] = queries;
  await under.db
    .transaction()
    .execute((trx) => scanGraph(trx, { model, ownerId: owner, embedding, within: undefined }, 10, 321));
  const { rows } = await sql<{ width: string; scan: string }>`
    select current_setting('hnsw.ef_search') as width, current_setting('hnsw.iterative_scan') as scan`.execute(
    under.db,
  );
  expect(rows).toEqual([{ width: "40", scan: "off" }]);
});

test("a filter that few pass costs nothing where the server would end the scan early", async () => {
  const [embedding = new Float32Array(384)] = queries;
  const within = sql<boolean>`d.caption like '%7'`;
  const found = await under.db.transaction().execute(async (trx) => {
    for (const setting of asIfLarge) await sql.raw(setting).execute(trx);
    await sql`set local hnsw.max_scan_tuples = 1`.execute(trx);
    return scanGraph(trx, { model, ownerId: owner, embedding, within }, 60, 10);
  });
  expect(found).toHaveLength(photos / 10);
});

test("the index, forced to answer, finds what an exact scan does, also through a filter that few pass", async () => {
  const within = sql<boolean>`d.caption like '%7'`;
  const passing = stored.filter((_each, index) => ((index % 500) + 1) % 10 === 7);
  let [all, some] = [0, 0];
  for (const embedding of queries) {
    const [found, filtered] = await under.db.transaction().execute(async (trx) => {
      for (const setting of asIfLarge) await sql.raw(setting).execute(trx);
      const query = { model, ownerId: owner, embedding };
      return [await scan(trx, { ...query, within: undefined }), await scan(trx, { ...query, within })];
    });
    all += recallOf(exactly(stored, embedding, 10), found ?? []);
    some += recallOf(exactly(passing, embedding, 10), filtered ?? []);
  }
  expect(all / queries.length).toBeGreaterThanOrEqual(0.95);
  expect(some / queries.length).toBeGreaterThanOrEqual(0.95);
});

async function scan(db: Kysely<SearchTables>, query: Parameters<typeof scanGraph>[1]): Promise<string[]> {
  return (await scanGraph(db, query, 10, 200)).map(({ photoId }) => photoId);
}
