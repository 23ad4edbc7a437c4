import { type Kysely, sql } from "kysely";
import { createGraph, createModelTables, findCapability, vectorTablesOf } from "../vector-storage.ts";

/** Gives every model its own tables and carries over the vectors that lay in one table for all of them. */
export const vectorsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table search.index_models (
        number integer generated always as identity primary key,
        model text not null unique,
        dimension integer not null,
        storage text not null,
        has_graph boolean not null,
        active boolean not null default false,
        filling boolean not null default false,
        filler uuid,
        filler_until timestamptz
      )`.execute(db);
    await sql`create unique index index_models_active on search.index_models (active) where active`.execute(
      db,
    );
    await sql`
      create table search.vector_owners (
        model_number integer not null references search.index_models (number) on delete cascade,
        owner_id uuid not null,
        photos integer not null,
        revision bigint not null,
        primary key (model_number, owner_id)
      )`.execute(db);
    await sql`
      create table search.vector_failures (
        model_number integer not null references search.index_models (number) on delete cascade,
        photo_id uuid not null,
        owner_id uuid not null,
        reason text not null,
        primary key (model_number, photo_id)
      )`.execute(db);
    await carryOver(db);
    await sql`drop table search.photo_embeddings`.execute(db);
  },
};

async function carryOver(db: Kysely<unknown>): Promise<void> {
  const { rows } = await sql<{ model: string }>`
    select model from search.photo_embeddings group by model order by model`.execute(db);
  // A server without pgvector never had a vector to carry over.
  const capability = rows.length > 0 ? await findCapability(db) : undefined;
  if (capability?.storage !== "halfvec") return;
  for (const { model } of rows) {
    const { storage, hasGraph } = capability;
    const inserted = await sql<{ number: number }>`
      insert into search.index_models (model, dimension, storage, has_graph)
      values (${model}, 384, ${storage}, ${hasGraph}) returning number`.execute(db);
    const number = inserted.rows[0]?.number;
    if (number === undefined) throw new Error(`the model ${model} was not registered`);
    await createModelTables(db, { number, dimension: 384, storage, hasGraph: false });
    await copyVectors(db, number, model);
    // Built at once it is better than row by row, and far sooner.
    if (hasGraph) await createGraph(db, number);
  }
}

async function copyVectors(db: Kysely<unknown>, number: number, model: string): Promise<void> {
  const { vectors, codes } = vectorTablesOf(number);
  await sql`
    insert into ${vectors} (photo_id, owner_id, sha256, withheld, vector)
    select photo_id, owner_id, sha256, withheld, embedding from search.photo_embeddings
    where model = ${model}`.execute(db);
  await sql`
    insert into ${codes} (photo_id, owner_id, revision, code)
    select photo_id, owner_id, row_number() over (partition by owner_id order by photo_id),
           public.binary_quantize(vector)::bit(384)
    from ${vectors}`.execute(db);
  await sql`
    insert into search.vector_owners (model_number, owner_id, photos, revision)
    select ${number}::int, owner_id, count(*), count(*) from ${vectors} group by owner_id`.execute(db);
}
