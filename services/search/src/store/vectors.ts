import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import { codeOf } from "../vectors/codes.ts";
import { listVectorTables, type StoredModel } from "./index-models.ts";
import type { SearchTables } from "./tables.ts";
import { selectVector, vectorFrom, vectorTablesOf, vectorValue } from "./vector-storage.ts";

/**
 * Stores a photo's vector; as withheld as its document, which the caller's transaction has locked. The owner's row is
 * locked from here to the end of the transaction, so that revisions become visible in their order.
 */
export async function saveVector(
  trx: Kysely<SearchTables>,
  model: StoredModel,
  photo: eventsV1.PhotoRef,
  embedding: Float32Array,
): Promise<void> {
  const { vectors, codes } = vectorTablesOf(model.number);
  const { photoId, ownerId, sha256 } = photo;
  await sql`
    with owner as (
      insert into search.vector_owners as o (model_number, owner_id, photos, revision)
      select ${model.number}::int, ${ownerId}::uuid,
             case when exists (select from ${vectors} where photo_id = ${photoId}) then 0 else 1 end, 1
      on conflict (model_number, owner_id)
        do update set photos = o.photos + excluded.photos, revision = o.revision + 1
      returning revision
    ), exact as (
      insert into ${vectors} (photo_id, owner_id, sha256, withheld, vector)
      select ${photoId}::uuid, ${ownerId}::uuid, ${sha256},
             coalesce((select withheld from search.documents where photo_id = ${photoId}), false),
             ${vectorValue(model.storage, embedding)}
      on conflict (photo_id) do update set vector = excluded.vector, sha256 = excluded.sha256
    )
    insert into ${codes} (photo_id, owner_id, revision, code)
    select ${photoId}::uuid, ${ownerId}::uuid, revision, ${codeOf(embedding)}::bit(${sql.lit(model.dimension)})
    from owner
    on conflict (photo_id) do update set revision = excluded.revision, code = excluded.code`.execute(trx);
}

/** A vector of the same bytes by the model: the one query without an owner, since bytes have none. */
export async function findVectorOfBytes(
  db: Kysely<SearchTables>,
  model: StoredModel,
  sha256: string,
): Promise<Float32Array | undefined> {
  const { rows } = await sql<{ vector: string | Buffer }>`
    select ${selectVector(model.storage)} as vector from ${vectorTablesOf(model.number).vectors}
    where sha256 = ${sha256} limit 1`.execute(db);
  return rows[0] && vectorFrom(rows[0].vector);
}

/** The vector of one photo of the owner. */
export async function vectorOfPhoto(
  db: Kysely<SearchTables>,
  model: StoredModel,
  ownerId: string,
  photoId: string,
): Promise<Float32Array | undefined> {
  const { rows } = await sql<{ vector: string | Buffer }>`
    select ${selectVector(model.storage)} as vector from ${vectorTablesOf(model.number).vectors}
    where photo_id = ${photoId} and owner_id = ${ownerId}`.execute(db);
  return rows[0] && vectorFrom(rows[0].vector);
}

/** Makes the vectors of a photo, of every model, as withheld as its document. */
export async function setVectorsWithheld(
  trx: Kysely<SearchTables>,
  { photoId, ownerId }: eventsV1.PhotoRef,
  withheld: boolean,
): Promise<void> {
  for (const { vectors } of await listVectorTables(trx)) {
    await sql`
      update ${sql.table(`search.${vectors}`)} set withheld = ${withheld}
      where photo_id = ${photoId} and owner_id = ${ownerId} and withheld <> ${withheld}`.execute(trx);
  }
}

/** Deletes the vectors of a photo, of every model, in the transaction that deletes its document. */
export async function deleteVectors(
  trx: Kysely<SearchTables>,
  { photoId, ownerId }: eventsV1.PhotoRef,
): Promise<void> {
  const models = await trx.selectFrom("index_models").select("number").orderBy("number").execute();
  for (const { number } of models) {
    const { vectors, codes } = vectorTablesOf(number);
    // The codes that processes remember are of no use without the vector: the photo is found no more at once.
    await sql`
      with exact as (
        delete from ${vectors} where photo_id = ${photoId} and owner_id = ${ownerId} returning 1
      ), code as (
        delete from ${codes} where photo_id = ${photoId} and owner_id = ${ownerId}
      )
      update search.vector_owners set photos = photos - (select count(*) from exact)
      where model_number = ${number} and owner_id = ${ownerId}`.execute(trx);
  }
  await trx
    .deleteFrom("vector_failures")
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .execute();
}
