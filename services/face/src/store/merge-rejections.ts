import { type Kysely, sql } from "kysely";
import type { MergeParts } from "./merge-faces.ts";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/**
 * Hands what was said of the merged persons ("this face is not that person") on to the survivor, but for faces of which
 * a human said that they are one of them. Call after the faces were moved.
 */
export async function handOnRejections(db: Store, merge: MergeParts): Promise<void> {
  const { ownerId, mergeId, survivorId, personIds } = merge;
  await sql`
    insert into face.face_rejections (face_id, person_id, owner_id, merge_id, created_at)
    select r.face_id, ${survivorId}::uuid, ${ownerId}::uuid, ${mergeId}::uuid, min(r.created_at)
    from face.face_rejections r
    where r.owner_id = ${ownerId} and r.person_id = any(${[...personIds]}::uuid[])
      and not exists (
        select from face.faces f
        where f.id = r.face_id and f.owner_id = ${ownerId} and f.person_id = ${survivorId} and f.source = 'USER')
    group by r.face_id
    on conflict (face_id, person_id) do nothing`.execute(db);
}

/**
 * Takes back what a merge handed on to its survivor. Where others who are still merged into it say the same, it stays,
 * on their account.
 * @param faceIds - Only of these faces; undefined for all.
 * @returns faces that may be the survivor's again.
 */
export async function takeBackRejections(
  db: Store,
  { ownerId, mergeId, survivorId }: Omit<MergeParts, "personIds">,
  faceIds?: readonly string[],
): Promise<string[]> {
  const which = faceIds === undefined ? sql`` : sql`and face_id = any(${[...faceIds]}::uuid[])`;
  const { rows: taken } = await sql<{ faceId: string }>`
    delete from face.face_rejections
    where owner_id = ${ownerId} and person_id = ${survivorId} and merge_id = ${mergeId} ${which}
    returning face_id as "faceId"`.execute(db);
  if (taken.length === 0) return [];
  const faces = taken.map(({ faceId }) => faceId);
  const { rows: kept } = await sql<{ faceId: string }>`
    insert into face.face_rejections (face_id, person_id, owner_id, merge_id, created_at)
    select distinct on (r.face_id) r.face_id, m.survivor_id, m.owner_id, m.id, r.created_at
    from face.merges m
    join face.people p on p.owner_id = ${ownerId} and p.merged_into = m.survivor_id and p.id = any(m.person_ids)
    join face.face_rejections r on r.owner_id = ${ownerId} and r.person_id = p.id
    where m.owner_id = ${ownerId} and m.survivor_id = ${survivorId} and m.undone_at is null
      and r.face_id = any(${faces}::uuid[])
      and not exists (
        select from face.faces f
        where f.id = r.face_id and f.owner_id = ${ownerId} and f.person_id = ${survivorId} and f.source = 'USER')
    order by r.face_id, r.created_at, m.id
    returning face_id as "faceId"`.execute(db);
  const staying = new Set(kept.map(({ faceId }) => faceId));
  return faces.filter((faceId) => !staying.has(faceId));
}
