import { randomUUID } from "node:crypto";
import { createLogger, migrate, openDatabase } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import { createEngine, type Engine, embedTexts, loadManifest } from "@ocelli/inference";
import { createSyntheticVectors, startEmbeddedDatabase, startNativePostgres } from "@ocelli/testkit";
import pg from "pg";
import { meaningOf } from "../services/search/src/meanings.ts";
import { Background } from "../services/search/src/ranking/background.ts";
import { searchPhotos } from "../services/search/src/search.ts";
import { listModels } from "../services/search/src/store/index-models.ts";
import { migrations } from "../services/search/src/store/migrations/index.ts";
import type { SearchTables } from "../services/search/src/store/tables.ts";
import { openVectors } from "../services/search/src/vectors/index-vectors.ts";
import { makeCaptions } from "./captions.ts";
import { type BenchSize, type Figure, median, quantile } from "./figures.ts";
import { exactNearest, fillSearch, type SearchFilling, type SearchLibrary } from "./search-rows.ts";

const subjects = 600;
// As a search asks for them, and as its answer shows them.
const neighboursAsked = 500;
const shown = 10;
const cacheBytes = 64 * 1024 * 1024;

/** What every store is measured with. */
interface SearchBench {
  engine: Engine;
  captions: string[];
  texts: Float32Array[];
  meanings: (Buffer | null)[];
  size: BenchSize;
}

/**
 * Search over synthetic libraries (see `createSyntheticVectors`): one owner of each size, and many owners in one index,
 * on the embedded database and on Postgres without pgvector. Models run for the queries only.
 */
export async function measureSearch(size: BenchSize): Promise<Figure[]> {
  const engine = createEngine({
    manifest: loadManifest(),
    workers: 1,
    threadsPerWorker: 1,
    queueLimit: 10_000,
  });
  try {
    const captions = makeCaptions();
    const meanings: (Buffer | null)[] = [];
    for (const caption of captions) meanings.push(await meaningOf(engine, caption));
    const bench = { engine, captions, texts: await embedTexts(engine, captions), meanings, size };
    const embedded = await startEmbeddedDatabase();
    const figures = await measureStore(bench, "search, embedded", embedded.url).finally(() =>
      embedded.close(),
    );
    const native = await startNativePostgres();
    return [
      ...figures,
      ...(await measureStore(bench, "search, Postgres without pgvector", native.url).finally(() =>
        native.stop(),
      )),
    ];
  } finally {
    await engine.close();
  }
}

async function measureStore(bench: SearchBench, group: string, url: string): Promise<Figure[]> {
  const database = openDatabase<SearchTables>({ url, schema: "search" });
  await migrate(database, migrations);
  const { db } = database;
  const pool = new pg.Pool({ connectionString: url, max: 1 });
  const { engine, captions, texts, meanings, size } = bench;
  const log = createLogger({ level: "silent", format: "json" });
  const vectors = await openVectors({ db, engine, log, cacheBytes });
  try {
    const [model] = await listModels(db);
    if (!model) throw new Error("no model was registered");
    const source = createSyntheticVectors({ texts, subjects, seed: 1 });
    const filling: SearchFilling = { db, pool, model, source, captions, meanings };
    const background = new Background(vectors);
    const search = { db, engine, vectors, background, now: () => new Date(), minScore: 0.35 };
    const answer = (ownerId: string, query: string) =>
      searchPhotos(search, { ownerId, mayKnowPeople: true }, searchV1.SearchRequest.fromPartial({ query }));
    const queriesOf = () => Array.from({ length: size.searches }, () => source.query());
    const measure = { group, vectors, answer, captions };
    const figures: Figure[] = [];
    for (const photos of size.searchLibraries) {
      const library = await fillSearch(filling, randomUUID(), photos);
      await pool.query("analyze");
      figures.push({ group, name: `${photos} photos: stored, each`, value: library.ms / photos, unit: "ms" });
      figures.push(...(await measureLibraries(measure, `${photos} photos`, [library], queriesOf())));
    }
    const [owners, each] = size.searchOwners;
    const libraries: SearchLibrary[] = [];
    for (let owner = 0; owner < owners; owner++)
      libraries.push(await fillSearch(filling, randomUUID(), each));
    await pool.query("analyze");
    figures.push(
      ...(await measureLibraries(measure, `${owners} owners of ${each} photos`, libraries, queriesOf())),
    );
    figures.push({
      group,
      name: "memory of the process",
      value: process.memoryUsage.rss() / 1e6,
      unit: "MB",
    });
    figures.push({ group, name: "codes kept of it", value: vectors.cachedBytes / 1e6, unit: "MB" });
    return figures;
  } finally {
    vectors.stop();
    await pool.end();
    await database.close();
  }
}

interface Measured {
  group: string;
  vectors: Awaited<ReturnType<typeof openVectors>>;
  answer: (ownerId: string, query: string) => Promise<unknown>;
  captions: readonly string[];
}

async function measureLibraries(
  { group, vectors, answer, captions }: Measured,
  name: string,
  libraries: readonly SearchLibrary[],
  queries: readonly { embedding: Float32Array; text: number }[],
): Promise<Figure[]> {
  const first = await timed(() => nearest(libraries[0], queries[0]));
  const near: number[] = [];
  const whole: number[] = [];
  let common = 0;
  for (const [index, query] of queries.entries()) {
    const library = libraries[index % libraries.length];
    if (!library) continue;
    const { ms, result } = await timed(() => nearest(library, query));
    near.push(ms);
    const wanted = new Set(exactNearest(library, query.embedding, shown));
    common += result.slice(0, shown).filter(({ photoId }) => wanted.has(photoId)).length;
    whole.push((await timed(() => answer(library.ownerId, queryOf(captions[query.text] ?? "")))).ms);
  }
  // Filling takes minutes: what is known by now is told at once.
  console.log(
    `${group}, ${name}: nearest ${median(near).toFixed(1)} ms, hybrid ${median(whole).toFixed(1)} ms (p50)`,
  );
  const isLarge = name.startsWith("100000 ");
  const target = (at: "most" | "least", value: number) => (isLarge ? { target: { at, value } } : {});
  return [
    { group, name: `${name}: first nearest`, value: first.ms, unit: "ms" },
    { group, name: `${name}: nearest, p50`, value: median(near), unit: "ms" },
    { group, name: `${name}: nearest, p95`, value: quantile(near, 0.95), unit: "ms" },
    { group, name: `${name}: hybrid, p50`, value: median(whole), unit: "ms", ...target("most", 40) },
    { group, name: `${name}: hybrid, p95`, value: quantile(whole, 0.95), unit: "ms" },
    {
      group,
      name: `${name}: recall@10`,
      value: common / (queries.length * shown),
      unit: "",
      ...target("least", 0.97),
    },
  ];

  function nearest(library: SearchLibrary | undefined, query: { embedding: Float32Array } | undefined) {
    const { ownerId = "" } = library ?? {};
    return vectors.nearest({
      ownerId,
      embedding: query?.embedding ?? new Float32Array(384),
      limit: neighboursAsked,
    });
  }
}

/** What somebody would type for a picture of that caption: without the article and the colour. */
function queryOf(caption: string): string {
  return caption.split(" ").slice(2).join(" ");
}

async function timed<T>(work: () => Promise<T>): Promise<{ ms: number; result: T }> {
  const startedAt = performance.now();
  const result = await work();
  return { ms: performance.now() - startedAt, result };
}
