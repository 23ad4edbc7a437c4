import { randomUUID } from "node:crypto";
import { migrate, openDatabase } from "@ocelli/chassis";
import type { Engine } from "@ocelli/inference";
import { type NativePostgres, startEmbeddedDatabase, startNativePostgres } from "@ocelli/testkit";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { migrations } from "../src/store/migrations/index.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { openVectorsOn, startEngine } from "./vectors-harness.ts";

let engine: Engine;
let embedded: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let native: NativePostgres;

beforeAll(async () => {
  engine = startEngine();
  [embedded, native] = await Promise.all([startEmbeddedDatabase(), startNativePostgres()]);
}, 60_000);
afterAll(async () => {
  await engine?.close();
  await embedded?.close();
  await native?.stop();
});

const before = Object.fromEntries(Object.entries(migrations).filter(([name]) => name < "006"));

test("vectors of the table that all models shared are carried over, each to its model", async () => {
  const database = openDatabase<SearchTables>({ url: embedded.url, schema: "search" });
  await migrate(database, before);
  const owner = randomUUID();
  const photos = [randomUUID(), randomUUID(), randomUUID()];
  const { id, version } = engine.model("vision");
  const own = `${id}@${version}`;
  for (const [index, photoId] of photos.entries()) {
    await sql`insert into search.documents (photo_id, owner_id, sha256) values (${photoId}, ${owner}, 'x')`.execute(
      database.db,
    );
    for (const model of index === 0 ? [own, "older@1"] : [own]) {
      await sql`
        insert into search.photo_embeddings (photo_id, model, owner_id, sha256, embedding, withheld)
        select ${photoId}::uuid, ${model}, ${owner}::uuid, 'x',
               (select array_agg(case when k = ${index + 1}::int then 1 else 0 end)
                from generate_series(1, 384) k)::public.vector::public.halfvec,
               ${index === 2}`.execute(database.db);
    }
  }
  await database.close();

  const under = await openVectorsOn(embedded.url, engine);
  const models = await under.db
    .selectFrom("index_models")
    .select(["model", "active"])
    .orderBy("model")
    .execute();
  expect(models).toEqual([
    { model: "older@1", active: false },
    { model: own, active: true },
  ]);
  const embedding = new Float32Array(384);
  embedding[1] = 1;
  const found = await under.vectors.nearest({ ownerId: owner, embedding, limit: 10 });
  expect(found).toEqual([
    { photoId: photos[1], cosine: 1 },
    { photoId: photos[0], cosine: 0 },
  ]);
  const { rows } = await sql<{ code: string; revision: number }>`
    select code::text, revision from search.vector_codes_2 where photo_id = ${photos[1]}`.execute(under.db);
  expect(rows[0]?.code).toBe(`01${"0".repeat(382)}`);
  const owners = await under.db
    .selectFrom("vector_owners")
    .select(["model_number", "photos", "revision"])
    .orderBy("model_number")
    .execute();
  expect(owners).toEqual([
    { model_number: 1, photos: 1, revision: 1 },
    { model_number: 2, photos: 3, revision: 3 },
  ]);
  await under.close();
});

test("Postgres without pgvector takes the same migrations and starts empty", async () => {
  const database = openDatabase<SearchTables>({ url: native.url, schema: "search" });
  await migrate(database, before);
  await database.close();
  const under = await openVectorsOn(native.url, engine);
  const models = await under.db.selectFrom("index_models").select(["storage", "has_graph"]).execute();
  expect(models).toEqual([{ storage: "bytes", has_graph: false }]);
  await under.close();
});
