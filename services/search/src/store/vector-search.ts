import { type Kysely, type RawBuilder, sql } from "kysely";
import { codeOf } from "../vectors/codes.ts";
import { dotHalves } from "../vectors/half-floats.ts";
import type { DocumentCondition, Neighbour } from "../vectors.ts";
import type { StoredModel } from "./index-models.ts";
import type { SearchTables } from "./tables.ts";
import { vectorTablesOf, vectorValue } from "./vector-storage.ts";

/** A question to one model's vectors of one owner. */
export interface VectorQuery {
  model: StoredModel;
  ownerId: string;
  /** [dimension], unit length. */
  embedding: Float32Array;
  within: DocumentCondition | undefined;
}

/** How many photos of an owner have vectors of a model, and how many were ever saved; undefined for none. */
export async function findVectorOwner(
  db: Kysely<SearchTables>,
  model: StoredModel,
  ownerId: string,
): Promise<{ photos: number; revision: number } | undefined> {
  return db
    .selectFrom("vector_owners")
    .select(["photos", "revision"])
    .where("model_number", "=", model.number)
    .where("owner_id", "=", ownerId)
    .executeTakeFirst();
}

/** Photos of all owners that have vectors of a model. */
export async function countIndexed(db: Kysely<SearchTables>, { number }: StoredModel): Promise<number> {
  const row = await db
    .selectFrom("vector_owners")
    .select(({ fn }) => fn.sum<number>("photos").as("photos"))
    .where("model_number", "=", number)
    .executeTakeFirst();
  return Number(row?.photos ?? 0);
}

/** The owner's photos that are to be found and fulfil a condition, so many at most, in no order. */
export async function findPhotosWithin(
  db: Kysely<SearchTables>,
  ownerId: string,
  within: DocumentCondition,
  limit: number,
): Promise<string[]> {
  const { rows } = await sql<{ photoId: string }>`
    select d.photo_id as "photoId" from search.documents d
    where d.owner_id = ${ownerId} and not d.deleted and not d.withheld and ${within}
    limit ${limit}`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/** Exact cosines of those of the given photos that are to be found, in no order. */
export async function measurePhotos(
  db: Kysely<SearchTables>,
  query: VectorQuery,
  photoIds: readonly string[],
): Promise<Neighbour[]> {
  const given = sql`${[...photoIds]}::uuid[]`;
  const { ownerId, within } = query;
  if (!within) return measure(db, query, sql`v.photo_id = any(${given})`);
  // An array, computed first and once: as a join it is a guess of the planner, which may look for each photo anew.
  const fulfilling = sql`array(
      select d.photo_id from search.documents d
      where d.owner_id = ${ownerId} and d.photo_id = any(${given}) and not d.deleted and not d.withheld and ${within}
    )`;
  return measure(db, query, sql`v.photo_id = any(${fulfilling})`);
}

/** The owner's photos nearest to a vector, exactly, from all of them; best first. */
export async function scanOwner(
  db: Kysely<SearchTables>,
  query: VectorQuery,
  limit: number,
): Promise<Neighbour[]> {
  if (query.model.storage === "bytes") return measure(db, query, sql`true`);
  return nearestInOrder(db, query, limit);
}

// By itself a scan ends after 20,000 photos, of whomever they are, and after as much memory as `work_mem`.
const mostScanned = 2_147_483_647;
const scanMemory = 8;

/**
 * The owner's photos nearest to a vector by the HNSW index, about best first. The scan goes on past what conditions
 * refuse, in the order of the index, until there are enough or its memory is full: fewer than wanted may be there although
 * the owner has more. The settings hold for the caller's transaction.
 */
export async function scanGraph(
  trx: Kysely<SearchTables>,
  query: VectorQuery,
  limit: number,
  searchWidth: number,
): Promise<Neighbour[]> {
  await sql`
    select set_config('hnsw.ef_search', ${String(searchWidth)}, true),
           set_config('hnsw.iterative_scan', 'relaxed_order', true),
           set_config('hnsw.max_scan_tuples', ${String(mostScanned)}, true),
           set_config('hnsw.scan_mem_multiplier', ${String(scanMemory)}, true)`.execute(trx);
  return nearestInOrder(trx, query, limit);
}

/** Ordered by distance alone: a tie-breaker inside would keep any vector index from being used. */
async function nearestInOrder(db: Kysely<SearchTables>, query: VectorQuery, limit: number) {
  const { model, ownerId, embedding } = query;
  const vector = vectorValue(model.storage, embedding);
  const { rows } = await sql<Neighbour>`
    select v.photo_id as "photoId", (1 - (v.vector <=> ${vector}))::float8 as cosine
    from ${vectorTablesOf(model.number).vectors} v
    where v.owner_id = ${ownerId} and not v.withheld ${joinWithin(query)}
    order by v.vector <=> ${vector}
    limit ${limit}`.execute(db);
  return rows;
}

/** The owner's photos whose codes differ least from a vector's, so many at most; best first. */
export async function scanCodes(
  db: Kysely<SearchTables>,
  { model, ownerId, embedding }: VectorQuery,
  limit: number,
): Promise<string[]> {
  const code = sql`${codeOf(embedding)}::bit(${sql.lit(model.dimension)})`;
  const { rows } = await sql<{ photoId: string }>`
    select photo_id as "photoId" from ${vectorTablesOf(model.number).codes}
    where owner_id = ${ownerId}
    order by bit_count(code # ${code})
    limit ${limit}`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/** The owner's codes saved after a revision, so many at most, as one string of bytes: 16 of the id, then the code. */
export async function readCodes(
  db: Kysely<SearchTables>,
  { model, ownerId }: Pick<VectorQuery, "model" | "ownerId">,
  after: number,
  limit: number,
): Promise<{ bytes: Buffer; revision: number } | undefined> {
  // bit_send puts the length in four bytes before the bits. One value for all rows: per row it would take ten times as long.
  const { rows } = await sql<{ bytes: Buffer | null; revision: number }>`
    select string_agg(uuid_send(photo_id) || substring(bit_send(code) from 5), ''::bytea) as bytes,
           max(revision) as revision
    from (
      select photo_id, code, revision from ${vectorTablesOf(model.number).codes}
      where owner_id = ${ownerId} and revision > ${after} order by revision limit ${limit}
    ) as page`.execute(db);
  const [page] = rows;
  return page?.bytes ? { bytes: page.bytes, revision: page.revision } : undefined;
}

async function measure(
  db: Kysely<SearchTables>,
  { model, ownerId, embedding }: VectorQuery,
  condition: RawBuilder<unknown>,
): Promise<Neighbour[]> {
  const { vectors } = vectorTablesOf(model.number);
  const where = sql`where v.owner_id = ${ownerId} and not v.withheld and ${condition}`;
  if (model.storage === "halfvec") {
    const { rows } = await sql<Neighbour>`
      select v.photo_id as "photoId", (1 - (v.vector <=> ${vectorValue("halfvec", embedding)}))::float8 as cosine
      from ${vectors} v ${where}`.execute(db);
    return rows;
  }
  const { rows } = await sql<{ photoId: string; vector: Buffer }>`
    select v.photo_id as "photoId", v.vector from ${vectors} v ${where}`.execute(db);
  return rows.map(({ photoId, vector }) => ({ photoId, cosine: dotHalves(embedding, vector) }));
}

function joinWithin({ ownerId, within }: VectorQuery) {
  if (!within) return sql``;
  return sql`
    and v.photo_id in (
      select d.photo_id from search.documents d
      where d.owner_id = ${ownerId} and not d.deleted and not d.withheld and ${within}
    )`;
}
