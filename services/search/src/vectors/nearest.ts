import type { Kysely } from "kysely";
import { isStored, type StoredModel } from "../store/index-models.ts";
import type { SearchTables } from "../store/tables.ts";
import {
  countIndexed,
  findPhotosWithin,
  findVectorOwner,
  measurePhotos,
  scanCodes,
  scanGraph,
  scanOwner,
  type VectorQuery,
} from "../store/vector-search.ts";
import type { NearestQuery, Neighbour } from "../vectors.ts";
import type { CodeCache } from "./code-cache.ts";
import { photoIdAt, rankCodes } from "./codes.ts";
import { modelGone } from "./switches.ts";

/**
 * Photos that are measured one by one rather than told apart by their codes first. Measured on the embedded database:
 * 2.7 µs each, so that 3,000 cost what the candidates of the other way do. Without pgvector each vector has to travel.
 */
export const exactPhotos = { halfvec: 3_000, bytes: 1_000 } as const;

/**
 * Candidates per result wanted, and at least. The factor is for long lists, whose tail nobody sees; for the first ten
 * the least number decides: 500 candidates of 100,000 hold .99 of them (see docs/search.md).
 */
export const oversampling = { factor: 1.5, least: 500 } as const;

/**
 * Search width of the HNSW index, also when fewer results are wanted: the recall of narrower ones is poor (.73 at 32,
 * .90 at 128, .94 at 256 in a published measurement of 550,000 vectors). pgvector allows 1,000.
 */
export const graphWidth = { least: 200, most: 1_000 } as const;

/** Share of the index that must be the owner's for its HNSW index to be asked: it would search the others' too. */
const leastGraphShare = 0.1;

/** What {@link findNearest} needs. */
export interface NearestOptions {
  db: Kysely<SearchTables>;
  codes: CodeCache;
}

/**
 * See `Vectors.nearest`. The way is chosen by how many photos there are to choose from.
 * @throws AppError UNAVAILABLE/MODEL_NOT_FOUND when the vectors were dropped; a table that is gone in the midst of it throws
 *   what the database says. Both are known to `isModelGone`.
 */
export async function findNearest(
  { db, codes }: NearestOptions,
  model: StoredModel,
  { ownerId, embedding, within, limit }: NearestQuery,
): Promise<Neighbour[]> {
  const query: VectorQuery = { model, ownerId, embedding, within };
  const owner = await findVectorOwner(db, model, ownerId);
  // A model that was dropped has no owners either: nothing is not the answer then.
  if (!owner && !(await isStored(db, model))) throw modelGone(model.model);
  if (!owner || owner.photos === 0 || limit <= 0) return [];
  const few = exactPhotos[model.storage];
  if (within) {
    const photoIds = await findPhotosWithin(db, ownerId, within, few + 1);
    if (photoIds.length <= few)
      return best(await measurePhotos(db, { ...query, within: undefined }, photoIds), limit);
  } else if (owner.photos <= few) return best(await scanOwner(db, query, limit), limit);
  if (model.hasGraph && owner.photos >= (await countIndexed(db, model)) * leastGraphShare) {
    const width = Math.min(graphWidth.most, Math.max(graphWidth.least, limit));
    const found = await db.transaction().execute((trx) => scanGraph(trx, query, limit, width));
    if (found.length >= Math.min(limit, owner.photos)) return best(found, limit);
    // The scan may have ended early; the codes are of every photo.
  }
  const packed = await codes.of({ model, ownerId, ...owner });
  if (!packed) return byCandidates(db, query, limit, owner.photos, (count) => scanCodes(db, query, count));
  const order = rankCodes(packed, query.embedding);
  const candidates = async (count: number) =>
    Array.from(order.subarray(0, count), (position) => photoIdAt(packed, position));
  return byCandidates(db, query, limit, packed.count, candidates);
}

/**
 * Measures the best candidates exactly, and further ones until enough of them are to be found: what is withheld, was
 * deleted since, or does not fulfil the condition must not cost recall.
 */
async function byCandidates(
  db: Kysely<SearchTables>,
  query: VectorQuery,
  limit: number,
  photos: number,
  candidates: (count: number) => Promise<string[]>,
): Promise<Neighbour[]> {
  const enough = Math.max(oversampling.least, Math.ceil(limit * oversampling.factor));
  const found = new Map<string, Neighbour>();
  let seen = 0;
  for (let count = Math.min(photos, enough); seen < photos && found.size < enough; ) {
    const photoIds = await candidates(count);
    for (const each of await measurePhotos(db, query, photoIds.slice(seen))) found.set(each.photoId, each);
    if (photoIds.length < count) break;
    seen = count;
    // As many as it takes if the rest is like what was seen, at least twice and at most eight times as many.
    const needed = (count * enough) / Math.max(1, found.size);
    count = Math.min(photos, Math.ceil(Math.min(8 * count, Math.max(2 * count, needed))));
  }
  return best([...found.values()], limit);
}

/** Best first; ties by id, so that an answer can be repeated. Outside the database, where it costs no index. */
function best(neighbours: Neighbour[], limit: number): Neighbour[] {
  const sorted = neighbours.sort((a, b) => b.cosine - a.cosine || (a.photoId < b.photoId ? 1 : -1));
  return sorted.slice(0, limit);
}
