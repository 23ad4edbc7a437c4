import { type Kysely, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** What {@link deletePersons} deletes. */
export interface PersonsToDelete {
  ownerId: string;
  /** A person and all that were merged into it. */
  personIds: readonly string[];
  /** What recognises their faces goes, too, and is never made again. */
  erase: boolean;
}

/**
 * Deletes persons with what was said of them and the merges they were part of. Their faces are nobody's from then on,
 * by a human's word, so that the same group does not come back under another id.
 * @returns photos with those faces.
 */
export async function deletePersons(
  db: Store,
  { ownerId, personIds, erase }: PersonsToDelete,
): Promise<string[]> {
  const ids = sql`any(${[...personIds]}::uuid[])`;
  if (erase) await eraseFaces(db, ownerId, personIds);
  const { rows } = await sql<{ photoId: string }>`
    with released as (
      update face.faces set person_id = null, source = 'USER', similarity = null
      where owner_id = ${ownerId} and person_id = ${ids}
      returning photo_id
    )
    select distinct photo_id as "photoId" from released`.execute(db);
  await sql`
    with gone as (
      delete from face.merges
      where owner_id = ${ownerId} and (survivor_id = ${ids} or person_ids && ${[...personIds]}::uuid[])
      returning id
    )
    delete from face.merge_faces
    where owner_id = ${ownerId} and (person_id = ${ids} or merge_id in (select id from gone))`.execute(db);
  await sql`
    delete from face.face_rejections where owner_id = ${ownerId} and person_id = ${ids}`.execute(db);
  await sql`
    delete from face.person_distinctions
    where owner_id = ${ownerId} and (person_a = ${ids} or person_b = ${ids})`.execute(db);
  await sql`delete from face.people where owner_id = ${ownerId} and id = ${ids}`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

async function eraseFaces(db: Store, ownerId: string, personIds: readonly string[]): Promise<void> {
  const ids = sql`any(${[...personIds]}::uuid[])`;
  const faces = sql`(select id from face.faces where owner_id = ${ownerId} and person_id = ${ids})`;
  for (const table of ["face_embeddings", "face_crops"]) {
    await sql`
      delete from ${sql.table(`face.${table}`)}
      where owner_id = ${ownerId} and face_id in ${faces}`.execute(db);
  }
  await sql`
    update face.faces set erased = true
    where owner_id = ${ownerId} and person_id = ${ids}`.execute(db);
}
