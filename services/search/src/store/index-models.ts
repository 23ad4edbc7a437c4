import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";
import { createModelTables, dropModelTables, findCapability, vectorTablesOf } from "./vector-storage.ts";
import { type VectorStorage, type VectorTableNames, vectorTableNames } from "./vector-tables.ts";

/** A model with vectors in the index. */
export interface StoredModel {
  /** Part of the names of its tables. */
  number: number;
  /** Id and version. */
  model: string;
  dimension: number;
  storage: VectorStorage;
  hasGraph: boolean;
  active: boolean;
  filling: boolean;
}

const columns = ["number", "model", "dimension", "storage", "has_graph", "active", "filling"] as const;

/** Models with vectors, the active one first, then the newest. */
export async function listModels(db: Kysely<SearchTables>): Promise<StoredModel[]> {
  const rows = await db
    .selectFrom("index_models")
    .select(columns)
    .orderBy("active", "desc")
    .orderBy("number", "desc")
    .execute();
  return rows.map(({ has_graph: hasGraph, ...rest }) => ({ ...rest, hasGraph }));
}

/** A model's entry; with its tables it is made where there is none. Replicas that do so at once take turns. */
export async function registerModel(
  db: Kysely<SearchTables>,
  model: string,
  dimension: number,
): Promise<StoredModel> {
  return db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const known = (await listModels(trx)).find((each) => each.model === model);
    if (known) return known;
    // Kysely is invariant in its tables; these statements need none of them.
    const plain = trx as unknown as Kysely<unknown>;
    const { storage, hasGraph } = await findCapability(plain);
    const { number } = await trx
      .insertInto("index_models")
      .values({ model, dimension, storage, has_graph: hasGraph, filler: null, filler_until: null })
      .returning("number")
      .executeTakeFirstOrThrow();
    await createModelTables(plain, { number, dimension, storage, hasGraph });
    return { number, model, dimension, storage, hasGraph, active: false, filling: false };
  });
}

/** True unless a model's vectors were dropped. */
export async function isStored(db: Kysely<SearchTables>, { number }: StoredModel): Promise<boolean> {
  const row = await db
    .selectFrom("index_models")
    .select("number")
    .where("number", "=", number)
    .executeTakeFirst();
  return row !== undefined;
}

/** Lets a model answer instead of the one that does, which is filled no more, in the caller's transaction. */
export async function pointTo(trx: Kysely<SearchTables>, number: number): Promise<void> {
  await trx
    .updateTable("index_models")
    .set({ active: false, filling: false })
    .where("active", "=", true)
    .execute();
  await trx.updateTable("index_models").set({ active: true }).where("number", "=", number).execute();
}

/**
 * Starts the filling of a model in the background. Whoever fills it already loses the lease, and thereby cannot end what
 * was just asked for.
 */
export async function beginFilling(db: Kysely<SearchTables>, number: number): Promise<void> {
  await db
    .updateTable("index_models")
    .set({ filling: true, filler: null, filler_until: null })
    .where("number", "=", number)
    .execute();
}

/** Deletes a model with its vectors. */
export async function removeModel(trx: Kysely<SearchTables>, number: number): Promise<void> {
  await trx.deleteFrom("index_models").where("number", "=", number).execute();
  // Kysely is invariant in its tables; the statement names its own.
  await dropModelTables(trx as unknown as Kysely<unknown>, number);
}

/** Makes whoever changes models, in whatever replica, wait until the caller's transaction ends. */
export async function lockModels(trx: Kysely<SearchTables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('search index_models', 0))`.execute(trx);
}

/**
 * The model that answers; until the caller's transaction ends no other can be made to. What is saved for the active
 * model is thereby saved before a switch, where it was counted, or refused after it. Undefined while a switch is made.
 */
export async function lockActiveModel(trx: Kysely<SearchTables>): Promise<string | undefined> {
  const row = await trx
    .selectFrom("index_models")
    .select("model")
    .where("active", "=", true)
    .forShare()
    .executeTakeFirst();
  return row?.model;
}

/** Names of all tables of all models, without the schema. */
export async function listVectorTables(db: Kysely<SearchTables>): Promise<VectorTableNames[]> {
  const rows = await db.selectFrom("index_models").select("number").orderBy("number").execute();
  return rows.map(({ number }) => vectorTableNames(number));
}

/** Where the vectors of a model stand. */
export interface ModelCounts {
  filled: number;
  total: number;
  failed: number;
}

/** Photos with a vector, photos in the index, and photos given up. Across owners: it is the operator who asks. */
export async function countVectors(db: Kysely<SearchTables>, number: number): Promise<ModelCounts> {
  const { rows } = await sql<ModelCounts>`
    select (select count(*) from ${vectorTablesOf(number).vectors}) as filled,
           (select count(*) from search.documents where not deleted) as total,
           (select count(*) from search.vector_failures f
              where f.model_number = ${number}
                and not exists (select from ${vectorTablesOf(number).vectors} v where v.photo_id = f.photo_id)
           ) as failed`.execute(db);
  return rows[0] ?? { filled: 0, total: 0, failed: 0 };
}

/** How many photos are found now and would be no more if another model answered. Across owners. */
export async function countLost(db: Kysely<SearchTables>, active: number, next: number): Promise<number> {
  const { rows } = await sql<{ lost: number }>`
    select count(*) as lost from ${vectorTablesOf(active).vectors} v
    where not exists (select from ${vectorTablesOf(next).vectors} n where n.photo_id = v.photo_id)
      and not exists (
        select from search.vector_failures f where f.photo_id = v.photo_id and f.model_number = ${next}
      )`.execute(db);
  return rows[0]?.lost ?? 0;
}
