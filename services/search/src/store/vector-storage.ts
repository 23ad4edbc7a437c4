import { type Kysely, type RawBuilder, sql } from "kysely";
import { halvesFrom, halvesOf } from "../vectors/half-floats.ts";
import { type VectorStorage, vectorTableNames } from "./vector-tables.ts";

/** What the database can do with vectors. */
export interface VectorCapability {
  storage: VectorStorage;
  /** True where an HNSW index is built and asked. */
  hasGraph: boolean;
}

/** The first with `halfvec`. */
const leastVersion = [0, 7, 0] as const;

/**
 * Iterative scans, without which a filter makes the index lose rows, came with 0.8.0; 0.8.4 is the first without the
 * known faults of building it.
 */
const leastGraphVersion = [0, 8, 4] as const;

/**
 * Finds out what the server can do and, where pgvector is at hand and may be, switches it on. A version that an
 * administrator has switched on stays the one that counts, whatever newer one is at hand. The embedded database has
 * pgvector, but building an index there takes longer than it ever saves, and reading codes is fast enough.
 */
export async function findCapability(db: Kysely<unknown>): Promise<VectorCapability> {
  // A block of its own, so that a refusal leaves the caller's transaction whole.
  await sql`
    do $$ begin
      if exists (select from pg_available_extensions where name = 'vector') then
        create extension if not exists vector with schema public;
      end if;
    exception when others then
      raise notice 'pgvector is not switched on: vectors are stored as bytes (%)', sqlerrm;
    end $$`.execute(db);
  const { rows } = await sql<{ version: string; embedded: boolean }>`
    select extversion as version, version() like '%PGlite%' as embedded
    from pg_extension where extname = 'vector' and extnamespace = 'public'::regnamespace`.execute(db);
  const [found] = rows;
  if (!found || !isAtLeast(found.version, leastVersion)) return { storage: "bytes", hasGraph: false };
  return { storage: "halfvec", hasGraph: !found.embedded && isAtLeast(found.version, leastGraphVersion) };
}

function isAtLeast(version: string, least: readonly number[]): boolean {
  const parts = version.split(".").map(Number);
  for (const [index, wanted] of least.entries()) {
    const part = parts[index] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}

/** A new model's tables. */
export interface ModelTables extends VectorCapability {
  number: number;
  dimension: number;
}

/** Creates the tables of a model; the dimension is in the type of every column. */
export async function createModelTables(db: Kysely<unknown>, model: ModelTables): Promise<void> {
  const { vectors, codes } = vectorTablesOf(model.number);
  const name = vectorTableNames(model.number);
  const dimension = sql.lit(model.dimension);
  const type = model.storage === "halfvec" ? sql`public.halfvec(${dimension})` : sql`bytea`;
  await sql`
    create table ${vectors} (
      photo_id uuid primary key,
      owner_id uuid not null,
      sha256 text not null,
      withheld boolean not null default false,
      vector ${type} not null
    )`.execute(db);
  // Vectors are as good as random bits: trying to compress them only costs time.
  await sql`alter table ${vectors} alter column vector set storage external`.execute(db);
  await sql`create index ${sql.id(`${name.vectors}_owner`)} on ${vectors} (owner_id)`.execute(db);
  await sql`create index ${sql.id(`${name.vectors}_bytes`)} on ${vectors} (sha256)`.execute(db);
  await sql`
    create table ${codes} (
      photo_id uuid primary key,
      owner_id uuid not null,
      revision bigint not null,
      code bit(${dimension}) not null
    )`.execute(db);
  await sql`create unique index ${sql.id(`${name.codes}_owner`)} on ${codes} (owner_id, revision)`.execute(
    db,
  );
  if (model.hasGraph) await createGraph(db, model.number);
}

/** Builds the HNSW index of a model. The defaults for m and ef_construction: recall is had by ef_search. */
export async function createGraph(db: Kysely<unknown>, number: number): Promise<void> {
  const { vectors } = vectorTablesOf(number);
  await sql`
    create index ${sql.id(`${vectorTableNames(number).vectors}_graph`)} on ${vectors}
    using hnsw (vector public.halfvec_cosine_ops) where not withheld`.execute(db);
}

/** Deletes the tables of a model with all that is in them. */
export async function dropModelTables(db: Kysely<unknown>, number: number): Promise<void> {
  const { vectors, codes } = vectorTablesOf(number);
  await sql`drop table if exists ${vectors}, ${codes}`.execute(db);
}

/** The tables of a model as parts of a statement. */
export function vectorTablesOf(number: number): { vectors: RawBuilder<unknown>; codes: RawBuilder<unknown> } {
  const { vectors, codes } = vectorTableNames(number);
  return { vectors: sql.table(`search.${vectors}`), codes: sql.table(`search.${codes}`) };
}

/** A vector as the column takes it. */
export function vectorValue(storage: VectorStorage, embedding: Float32Array): RawBuilder<unknown> {
  if (storage === "bytes") return sql`${halvesOf(embedding)}::bytea`;
  return sql`${`[${embedding.join(",")}]`}::public.halfvec`;
}

/** The column of a vector in a form that {@link vectorFrom} reads. */
export function selectVector(storage: VectorStorage): RawBuilder<string | Buffer> {
  return storage === "bytes" ? sql`vector` : sql`vector::text`;
}

/** What {@link selectVector} gave. */
export function vectorFrom(stored: string | Buffer): Float32Array {
  if (typeof stored !== "string") return halvesFrom(stored);
  return Float32Array.from(stored.slice(1, -1).split(","), Number);
}
