import { randomUUID } from "node:crypto";
import type { Engine } from "@ocelli/inference";
import { type NativePostgres, startEmbeddedDatabase, startNativePostgres } from "@ocelli/testkit";
import { type KyselyPlugin, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { changeDocument, deleteDocument } from "../src/store/documents.ts";
import { listModels } from "../src/store/index-models.ts";
import { CodeCache } from "../src/vectors/code-cache.ts";
import { exactPhotos, findNearest } from "../src/vectors/nearest.ts";
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

const photos = 3_200;
const foreign = 40;
const queries = 40;
const recallFloor = 0.97;

let engine: Engine;
let embedded: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let native: NativePostgres;
const made: { pictures: Float32Array[]; queries: Float32Array[] } = { pictures: [], queries: [] };

beforeAll(async () => {
  engine = startEngine();
  [embedded, native] = await Promise.all([startEmbeddedDatabase(), startNativePostgres()]);
  const source = await syntheticVectors(engine);
  made.pictures = Array.from({ length: photos + foreign }, () => source.picture().embedding);
  made.queries = Array.from({ length: queries }, () => source.query().embedding);
}, 60_000);
afterAll(async () => {
  await engine?.close();
  await embedded?.close();
  await native?.stop();
});

const places = [
  { place: "the embedded database", storage: "halfvec", url: () => embedded.url },
  { place: "Postgres without pgvector", storage: "bytes", url: () => native.url },
] as const;

describe.each(places)("on $place", ({ storage, url }) => {
  const [owner, other] = [randomUUID(), randomUUID()];
  let under: VectorsUnderTest;
  let stored: StoredVector[];

  beforeAll(async () => {
    under = await openVectorsOn(url(), engine);
    stored = await storePhotos(under, owner, made.pictures.slice(0, photos));
    await storePhotos(under, other, made.pictures.slice(photos));
  }, 120_000);
  afterAll(() => under?.close());

  const idsNear = async (query: Float32Array, limit: number, more = {}) => {
    const found = await under.vectors.nearest({ ownerId: owner, embedding: query, limit, ...more });
    return found.map(({ photoId }) => photoId);
  };
  const recall = async (limit: number) => {
    let sum = 0;
    for (const query of made.queries)
      sum += recallOf(exactly(stored, query, 10), await idsNear(query, limit));
    return sum / made.queries.length;
  };

  test("vectors are stored as the server can best", async () => {
    const model = await under.db
      .selectFrom("index_models")
      .select(["storage", "has_graph", "active"])
      .executeTakeFirst();
    expect(model).toEqual({ storage, has_graph: false, active: true });
  });

  test(`recall@10 among ${photos} photos is at least ${recallFloor}, by codes kept here or in the database`, async () => {
    expect(photos).toBeGreaterThan(exactPhotos[storage]);
    expect(await recall(10)).toBeGreaterThanOrEqual(recallFloor);
    expect(await recall(500)).toBeGreaterThanOrEqual(recallFloor);
    expect(under.vectors.cachedBytes).toBeGreaterThan(photos * 64);
    const without = await openVectorsOn(url(), engine, 0);
    let sum = 0;
    for (const query of made.queries) {
      const found = await without.vectors.nearest({ ownerId: owner, embedding: query, limit: 10 });
      sum += recallOf(
        exactly(stored, query, 10),
        found.map(({ photoId }) => photoId),
      );
    }
    expect(without.vectors.cachedBytes).toBe(0);
    await without.close();
    expect(sum / queries).toBeGreaterThanOrEqual(0.9);
  });

  test("neighbours come best first with exact cosines, and only the owner's", async () => {
    const [query = new Float32Array(384)] = made.queries;
    const found = await under.vectors.nearest({ ownerId: owner, embedding: query, limit: 50 });
    const cosines = found.map(({ cosine }) => cosine);
    expect(cosines).toEqual([...cosines].sort((a, b) => b - a));
    const known = new Map(stored.map(({ photoId, embedding }) => [photoId, embedding]));
    for (const { photoId, cosine } of found) {
      const embedding = known.get(photoId) ?? new Float32Array(384);
      const exact = embedding.reduce((sum, value, index) => sum + value * (query[index] ?? 0), 0);
      expect(cosine).toBeCloseTo(exact, 2);
    }
    const theirs = await under.vectors.nearest({ ownerId: other, embedding: query, limit: 500 });
    expect(theirs).toHaveLength(foreign);
    expect(await under.vectors.nearest({ ownerId: randomUUID(), embedding: query, limit: 500 })).toEqual([]);
  });

  test.each([
    ["few", 100],
    ["a third of", 3],
  ])("a filter that leaves %s photos costs no recall", async (_name, divisor) => {
    const within = sql<boolean>`(substring(d.caption from 8)::int % ${sql.lit(divisor)} = 0)`;
    const left = stored.filter((_each, index) => ((index % 500) + 1) % divisor === 0);
    let sum = 0;
    for (const query of made.queries)
      sum += recallOf(exactly(left, query, 10), await idsNear(query, 10, { within }));
    expect(sum / queries).toBeGreaterThanOrEqual(recallFloor);
  });

  test.runIf(storage === "halfvec")("a graph that ends its search early leaves it to the codes", async () => {
    const graphQueries = new WeakSet<object>();
    const earlyEnd: KyselyPlugin = {
      transformQuery({ node, queryId }) {
        if (node.kind === "RawNode" && node.sqlFragments.join("").includes("order by v.vector"))
          graphQueries.add(queryId);
        return node;
      },
      transformResult: async ({ result, queryId }) =>
        graphQueries.has(queryId) ? { ...result, rows: result.rows.slice(0, 3) } : result,
    };
    const [query = new Float32Array(384)] = made.queries;
    const [model] = await listModels(under.db);
    if (!model) throw new Error("no model was registered");
    const codes = new CodeCache({ db: under.db, maxBytes: 10_000_000 });
    const wanted = { ownerId: owner, embedding: query, limit: 10 };
    const found = await findNearest(
      { db: under.db.withPlugin(earlyEnd), codes },
      { ...model, hasGraph: true },
      wanted,
    );
    expect(found.map(({ photoId }) => photoId)).toEqual(await idsNear(query, 10));
  });

  test("a photo saved a moment ago is found, one that is deleted or withheld is not", async () => {
    const [query = new Float32Array(384)] = made.queries;
    const [fresh] = await storePhotos(under, owner, [query]);
    const photo = { photoId: fresh?.photoId ?? "", ownerId: owner, sha256: "x" };
    expect((await idsNear(query, 1))[0]).toBe(photo.photoId);
    const words = { title: "", description: "", favorite: false, taken_at: null };
    const change = (withheld: boolean, revision: number) =>
      under.db.transaction().execute((trx) => changeDocument(trx, photo, { ...words, withheld, revision }));
    await change(true, 1);
    expect(await idsNear(query, 500)).not.toContain(photo.photoId);
    await change(false, 2);
    expect((await idsNear(query, 1))[0]).toBe(photo.photoId);
    await under.db.transaction().execute((trx) => deleteDocument(trx, photo));
    expect(await idsNear(query, 500)).not.toContain(photo.photoId);
    const owners = await under.db
      .selectFrom("vector_owners")
      .select("photos")
      .where("owner_id", "=", owner)
      .executeTakeFirst();
    expect(owners?.photos).toBe(photos);
  });

  test("most photos withheld leaves the rest to be found", async () => {
    const [query = new Float32Array(384)] = made.queries;
    const rest = new Set(exactly(stored, query, photos).slice(-5));
    const table = sql.table("search.vectors_1");
    await sql`update ${table} set withheld = true where owner_id = ${owner} and photo_id <> all(${[...rest]}::uuid[])`.execute(
      under.db,
    );
    expect(new Set(await idsNear(query, 10))).toEqual(rest);
    await sql`update ${table} set withheld = false where owner_id = ${owner}`.execute(under.db);
  });

  test("what is saved again counts once", async () => {
    const [first] = stored;
    const photo = { photoId: first?.photoId ?? "", ownerId: owner, sha256: "again" };
    const changed = made.queries[1] ?? new Float32Array(384);
    await under.db.transaction().execute((trx) => under.vectors.save(trx, photo, changed));
    const found = await idsNear(changed, 20);
    expect(found[0]).toBe(photo.photoId);
    expect(new Set(found).size).toBe(found.length);
    expect(await under.vectors.findOfBytes("again")).toHaveLength(384);
    await under.db
      .transaction()
      .execute((trx) =>
        under.vectors.save(trx, { ...photo, sha256: photo.photoId }, first?.embedding ?? changed),
      );
  });
});
