import { randomUUIDv7 } from "node:crypto";
import { createLogger, type Database, migrate, openDatabase } from "@ocelli/chassis";
import { createEngine, type Engine, embedTexts, loadManifest } from "@ocelli/inference";
import { createSyntheticVectors, type SyntheticVectors } from "@ocelli/testkit";
import { type Kysely, sql } from "kysely";
import { migrations } from "../src/store/migrations/index.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { type IndexVectors, openVectors } from "../src/vectors/index-vectors.ts";

/** The vectors of an empty index on a database. */
export interface VectorsUnderTest {
  database: Database<SearchTables>;
  db: Kysely<SearchTables>;
  vectors: IndexVectors;
  close(): Promise<void>;
}

/** Opens them; `cacheBytes` 0 leaves the codes to the database. */
export async function openVectorsOn(
  url: string,
  engine: Engine,
  cacheBytes = 64 * 1024 * 1024,
): Promise<VectorsUnderTest> {
  const database = openDatabase<SearchTables>({ url, schema: "search" });
  await migrate(database, migrations);
  const { db } = database;
  const log = createLogger({ level: "silent", format: "json" });
  const vectors = await openVectors({ db, engine, log, cacheBytes });
  return {
    database,
    db,
    vectors,
    async close() {
      vectors.stop();
      await database.close();
    },
  };
}

/** An engine of one worker on the starter pack. */
export function startEngine(): Engine {
  return createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 1, queueLimit: 1_000 });
}

/** Vectors like those of pictures, from some captions. */
export async function syntheticVectors(engine: Engine): Promise<SyntheticVectors> {
  const things = ["dog", "cat", "car", "boat", "tree", "cup of coffee", "rocket", "guitar", "child", "train"];
  const places = [
    "on the beach",
    "in the snow",
    "at night",
    "in a kitchen",
    "near a lake",
    "in a city street",
  ];
  const captions = things.flatMap((thing) => places.map((place) => `a ${thing} ${place}`));
  return createSyntheticVectors({ texts: await embedTexts(engine, captions), subjects: 40, seed: 7 });
}

/** A stored photo with its vector. */
export interface StoredVector {
  photoId: string;
  embedding: Float32Array;
}

/** Stores photos with documents and vectors, each as the service does, in transactions of five hundred. */
export async function storePhotos(
  { db, vectors }: VectorsUnderTest,
  ownerId: string,
  embeddings: readonly Float32Array[],
): Promise<StoredVector[]> {
  const stored = embeddings.map((embedding) => ({ photoId: randomUUIDv7(), embedding }));
  for (let at = 0; at < stored.length; at += 500) {
    const part = stored.slice(at, at + 500);
    await db.transaction().execute(async (trx) => {
      await sql`
        insert into search.documents (photo_id, owner_id, sha256, caption)
        select photo_id, ${ownerId}::uuid, photo_id::text, 'number ' || n
        from unnest(${part.map(({ photoId }) => photoId)}::uuid[]) with ordinality as made (photo_id, n)`.execute(
        trx,
      );
      for (const { photoId, embedding } of part)
        await vectors.save(trx, { photoId, ownerId, sha256: photoId }, embedding);
    });
  }
  return stored;
}

/** Ids of the photos nearest to a query, computed here from what was stored. */
export function exactly(stored: readonly StoredVector[], query: Float32Array, limit: number): string[] {
  const scored = stored.map(({ photoId, embedding }) => ({ photoId, cosine: dotOf(embedding, query) }));
  return scored
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, limit)
    .map(({ photoId }) => photoId);
}

function dotOf(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let index = 0; index < a.length; index++) sum += (a[index] ?? 0) * (b[index] ?? 0);
  return sum;
}

/** Share of the wanted that was found. */
export function recallOf(wanted: readonly string[], found: readonly string[]): number {
  const known = new Set(found);
  return wanted.filter((each) => known.has(each)).length / wanted.length;
}
