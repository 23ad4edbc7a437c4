import { createHash } from "node:crypto";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

const defaultPartition = sql.table("face.face_embeddings_default");

/**
 * Makes the partition that holds the embeddings of a model, with those that waited for it in the default one. The
 * transaction holds {@link lockModels}.
 */
export async function createPartition(trx: Kysely<FaceTables>, model: string): Promise<void> {
  const partition = partitionOf(model);
  // Nobody is to add to the rows that move; readers of other partitions are not held up.
  await sql`lock table ${defaultPartition} in access exclusive mode`.execute(trx);
  await sql`create table ${partition} (like face.face_embeddings including all)`.execute(trx);
  await sql`
    with moved as (
      delete from ${defaultPartition} where model = ${model} returning model, face_id, owner_id, embedding
    )
    insert into ${partition} (model, face_id, owner_id, embedding)
    select model, face_id, owner_id, embedding from moved`.execute(trx);
  await sql`
    alter table face.face_embeddings attach partition ${partition} for values in (${sql.lit(model)})`.execute(
    trx,
  );
}

/** Makes the partitions of models whose rows are about to be restored, in a store without any. */
export async function makePartitions(trx: Kysely<unknown>, models: readonly string[]): Promise<void> {
  // Kysely is invariant in its tables; these statements name their own.
  const face = trx as unknown as Kysely<FaceTables>;
  await lockModels(face);
  for (const model of models) await createPartition(face, model);
}

/** Drops the partition of a model with all its embeddings. The transaction holds {@link lockModels}. */
export async function dropPartition(trx: Kysely<FaceTables>, model: string): Promise<void> {
  await sql`drop table if exists ${partitionOf(model)}`.execute(trx);
}

/** Makes changes of models take turns until the transaction ends. */
export async function lockModels(trx: Kysely<FaceTables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended('face models', 0))`.execute(trx);
}

/** Named after a digest: a model's string is longer than names may be, and holds characters that they may not. */
function partitionOf(model: string): RawBuilder<unknown> {
  const digest = createHash("sha256").update(model).digest("hex").slice(0, 16);
  return sql.table(`face.face_embeddings_${digest}`);
}
