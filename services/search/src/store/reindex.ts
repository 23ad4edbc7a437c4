import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import type { StoredModel } from "./index-models.ts";
import type { SearchTables } from "./tables.ts";
import { vectorTablesOf } from "./vector-storage.ts";

/** Photos that lack a vector of the model and were not given up, newest first. Across owners: nobody asks for it. */
export async function findUnfilled(
  db: Kysely<SearchTables>,
  { number }: StoredModel,
  limit: number,
): Promise<eventsV1.PhotoRef[]> {
  const { rows } = await sql<eventsV1.PhotoRef>`
    select d.photo_id as "photoId", d.owner_id as "ownerId", d.sha256
    from search.documents d
    where not d.deleted
      and not exists (select from ${vectorTablesOf(number).vectors} v where v.photo_id = d.photo_id)
      and not exists (
        select from search.vector_failures f where f.photo_id = d.photo_id and f.model_number = ${number}
      )
    order by d.photo_id desc
    limit ${limit}`.execute(db);
  return rows;
}

/**
 * Photos whose pixels were never looked at for duplicates and that were not given up with the model, newest first. Across
 * owners: nobody asks for it.
 */
export async function findUnmarked(
  db: Kysely<SearchTables>,
  { number }: StoredModel,
  limit: number,
): Promise<eventsV1.PhotoRef[]> {
  const { rows } = await sql<eventsV1.PhotoRef>`
    select d.photo_id as "photoId", d.owner_id as "ownerId", d.sha256
    from search.documents d
    where not d.deleted
      and not exists (select from search.pictures p where p.photo_id = d.photo_id)
      and not exists (
        select from search.vector_failures f where f.photo_id = d.photo_id and f.model_number = ${number}
      )
    order by d.photo_id desc
    limit ${limit}`.execute(db);
  return rows;
}

/**
 * Changes whenever a photo may have come to lack a vector of the model: one was saved for the model that answers, or those
 * given up are to be tried again. It costs a row per owner rather than one per photo.
 */
export async function fillingMark(db: Kysely<SearchTables>, { number }: StoredModel): Promise<string> {
  const { rows } = await sql<{ mark: string }>`
    select concat_ws(' ',
      (select sum(o.revision) from search.vector_owners o
         join search.index_models m on m.number = o.model_number where m.active),
      (select count(*) from search.vector_failures where model_number = ${number})
    ) as mark`.execute(db);
  return rows[0]?.mark ?? "";
}

/** True when a photo is still in the index; until the caller's transaction ends it stays there. */
export async function lockDocument(
  trx: Kysely<SearchTables>,
  { photoId, ownerId }: eventsV1.PhotoRef,
): Promise<boolean> {
  const row = await trx
    .selectFrom("documents")
    .select("photo_id")
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .where("deleted", "=", false)
    .forUpdate()
    .executeTakeFirst();
  return row !== undefined;
}

/** Remembers that a model could not be filled with a photo. */
export async function saveFailure(
  trx: Kysely<SearchTables>,
  { number }: StoredModel,
  { photoId, ownerId }: eventsV1.PhotoRef,
  reason: string,
): Promise<void> {
  await trx
    .insertInto("vector_failures")
    .values({ model_number: number, photo_id: photoId, owner_id: ownerId, reason })
    .onConflict((conflict) => conflict.columns(["model_number", "photo_id"]).doUpdateSet({ reason }))
    .execute();
}

/** Forgets what failed, so that it is tried again. Across owners: the operator asks. */
export async function clearFailures(db: Kysely<SearchTables>, number: number): Promise<void> {
  await db.deleteFrom("vector_failures").where("model_number", "=", number).execute();
}

/**
 * The models to fill, for this replica alone until its lease ends; none where another replica fills them.
 * Two that fill at once would do the same work twice, and nothing worse.
 */
export async function leaseFilling(
  db: Kysely<SearchTables>,
  filler: string,
  leaseMs: number,
): Promise<number[]> {
  const { rows } = await sql<{ number: number }>`
    update search.index_models
    set filler = ${filler}, filler_until = now() + ${leaseMs} * interval '1 millisecond'
    where filling and (filler is null or filler = ${filler} or filler_until < now())
    returning number`.execute(db);
  return rows.map(({ number }) => number);
}

/** Ends the filling of a model that lacks nothing, unless it was asked for anew since the lease was had. */
export async function endFilling(
  db: Kysely<SearchTables>,
  { number }: StoredModel,
  filler: string,
): Promise<void> {
  await db
    .updateTable("index_models")
    .set({ filling: false })
    .where("number", "=", number)
    .where("filler", "=", filler)
    .execute();
}

/** Gives the lease back. */
export async function releaseFilling(db: Kysely<SearchTables>, filler: string): Promise<void> {
  await db
    .updateTable("index_models")
    .set({ filler: null, filler_until: null })
    .where("filler", "=", filler)
    .execute();
}

/** Some photos with vectors of both models, scattered over owners and time, the same ones each time. Across owners. */
export async function sampleOfBoth(
  db: Kysely<SearchTables>,
  a: StoredModel,
  b: StoredModel,
  limit: number,
): Promise<{ photoId: string; ownerId: string }[]> {
  const { rows } = await sql<{ photoId: string; ownerId: string }>`
    select v.photo_id as "photoId", v.owner_id as "ownerId"
    from ${vectorTablesOf(a.number).vectors} v
    join ${vectorTablesOf(b.number).vectors} w on w.photo_id = v.photo_id
    where not v.withheld
    order by md5(v.photo_id::text)
    limit ${limit}`.execute(db);
  return rows;
}
