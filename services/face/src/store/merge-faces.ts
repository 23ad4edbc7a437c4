import { type Kysely, sql } from "kysely";
import { withMembers } from "./people.ts";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** The persons of a merge. */
export interface MergeParts {
  ownerId: string;
  mergeId: string;
  survivorId: string;
  /** Who are merged into the survivor. */
  personIds: readonly string[];
}

/*
 * `merge_faces` has at most one row per face: the person it was with before the first of the merges that hold, and that
 * it belongs to again when that person comes back. What moved a face since without a merge makes the row stale; it is
 * passed over by an undo, since the face is with somebody else, and deleted before another merge could revive it.
 */

/**
 * Moves faces to the survivor, whoever said whose they are; remembers whose they were.
 * @returns photos with those faces.
 */
export async function moveToSurvivor(db: Store, merge: MergeParts): Promise<string[]> {
  const { ownerId, mergeId, survivorId, personIds } = merge;
  const others = [...personIds];
  await sql`
    ${withMembers(ownerId, [survivorId, ...others])}
    delete from face.merge_faces m using face.faces f
    where m.owner_id = ${ownerId} and f.owner_id = ${ownerId} and f.id = m.face_id
      and f.person_id = any(${[survivorId, ...others]}::uuid[])
      and not exists (select from members where members.root = f.person_id and members.id = m.person_id)`.execute(
    db,
  );
  await sql`
    insert into face.merge_faces (merge_id, face_id, owner_id, person_id)
    select ${mergeId}::uuid, f.id, f.owner_id, f.person_id from face.faces f
    where f.owner_id = ${ownerId} and f.person_id = any(${others}::uuid[])
      and not exists (
        select from face.merge_faces m where m.owner_id = ${ownerId} and m.face_id = f.id)`.execute(db);
  const { rows } = await sql<{ photoId: string }>`
    with moved as (
      update face.faces set person_id = ${survivorId}
      where owner_id = ${ownerId} and person_id = any(${others}::uuid[])
      returning photo_id
    )
    select distinct photo_id as "photoId" from moved`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/**
 * Takes from the survivor what only a model gave it and a human said is not one of those it is now. The face keeps its
 * similarity, so that an undo can give it back as it was.
 * @returns photos with those faces.
 */
export async function expelRejected(db: Store, merge: MergeParts): Promise<string[]> {
  const { ownerId, mergeId, survivorId } = merge;
  const { rows } = await sql<{ photoId: string }>`
    with expelled as (
      update face.faces f set person_id = null
      where f.owner_id = ${ownerId} and f.person_id = ${survivorId} and f.source = 'MODEL'
        and exists (
          select from face.face_rejections r
          where r.owner_id = ${ownerId} and r.face_id = f.id and r.person_id = ${survivorId})
      returning f.id, f.photo_id
    ), noted as (
      insert into face.merge_faces (merge_id, face_id, owner_id, person_id)
      select ${mergeId}::uuid, expelled.id, ${ownerId}::uuid, ${survivorId}::uuid from expelled
      where not exists (
        select from face.merge_faces m where m.owner_id = ${ownerId} and m.face_id = expelled.id)
    )
    select distinct photo_id as "photoId" from expelled`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/**
 * Gives back the faces of persons who are persons of their own again, and of those merged into them, as far as they are
 * still with whoever the survivor is now.
 * @param holderId - Who the survivor is now.
 * @returns photos with those faces.
 */
export async function moveBack(
  db: Store,
  { ownerId, personIds }: Pick<MergeParts, "ownerId" | "personIds">,
  holderId: string,
): Promise<string[]> {
  const { rows } = await sql<{ photoId: string }>`
    ${withMembers(ownerId, personIds)},
    moved as (
      update face.faces f set person_id = members.root
      from face.merge_faces m join members on members.id = m.person_id
      where m.owner_id = ${ownerId} and m.face_id = f.id and f.owner_id = ${ownerId} and f.person_id = ${holderId}
      returning f.photo_id
    )
    select distinct photo_id as "photoId" from moved`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/**
 * Gives expelled faces back to persons and to whoever was merged into them, where no human's word is against it any more
 * and no model has given them to somebody else.
 * @returns photos with those faces.
 */
export async function readmit(db: Store, ownerId: string, personIds: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ photoId: string }>`
    ${withMembers(ownerId, personIds)},
    moved as (
      update face.faces f set person_id = members.root
      from face.merge_faces m join members on members.id = m.person_id
      where m.owner_id = ${ownerId} and m.face_id = f.id and f.owner_id = ${ownerId}
        and f.person_id is null and f.source = 'MODEL'
        and not exists (
          select from face.face_rejections r
          where r.owner_id = ${ownerId} and r.face_id = f.id and r.person_id = members.root)
      returning f.photo_id
    )
    select distinct photo_id as "photoId" from moved`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/** Forgets whose faces were when they are with that person again, or a model gave them to somebody else since. */
export async function forgetReturned(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<void> {
  // An expelled face that is still rejected on account of another merge waits for the undo of that one.
  await sql`
    delete from face.merge_faces m using face.people p
    where m.owner_id = ${ownerId} and m.person_id = any(${[...personIds]}::uuid[])
      and p.id = m.person_id and p.owner_id = ${ownerId} and p.merged_into is null
      and not exists (
        select from face.faces f
        join face.face_rejections r on r.face_id = f.id and r.owner_id = ${ownerId}
        where f.id = m.face_id and f.owner_id = ${ownerId} and f.person_id is null and f.source = 'MODEL'
          and r.person_id = m.person_id and r.merge_id is not null)`.execute(db);
}
