import { type Kysely, type RawBuilder, sql } from "kysely";
import type { MergeParts } from "./merge-faces.ts";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/**
 * Hands what was said of the merged persons ("this face is not that person") on to the survivor, but for faces of which
 * a human said that they are one of them. Of faces that a model gave, the same goes for those merged before, of whom it
 * was not handed on while a human held it to be the survivor's. Call after the faces were moved.
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
  await handOnOfMerged(
    db,
    merge,
    sql`exists (
        select from face.faces f
        where f.id = r.face_id and f.owner_id = ${ownerId} and f.person_id = ${survivorId} and f.source = 'MODEL')`,
  );
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
  const staying = await handOnOfMerged(
    db,
    { ownerId, survivorId },
    sql`r.face_id = any(${faces}::uuid[])
      and not exists (
        select from face.faces f
        where f.id = r.face_id and f.owner_id = ${ownerId} and f.person_id = ${survivorId} and f.source = 'USER')`,
  );
  return faces.filter((faceId) => !staying.has(faceId));
}

/**
 * Hands on what was said of those who are merged into a survivor, at any depth, on account of the merge that brought
 * them.
 * @param which - Of the rejections `r`.
 * @returns the faces.
 */
async function handOnOfMerged(
  db: Store,
  { ownerId, survivorId }: Pick<MergeParts, "ownerId" | "survivorId">,
  which: RawBuilder<unknown>,
): Promise<Set<string>> {
  // `union` drops what was seen already: a circle of merges ends the walk instead of feeding it.
  const { rows } = await sql<{ faceId: string }>`
    with recursive merged as (
      select p.id, m.id as merge_id from face.merges m
      join face.people p on p.owner_id = ${ownerId} and p.merged_into = m.survivor_id and p.id = any(m.person_ids)
      where m.owner_id = ${ownerId} and m.survivor_id = ${survivorId} and m.undone_at is null
      union
      select p.id, merged.merge_id from merged
      join face.people p on p.merged_into = merged.id and p.owner_id = ${ownerId}
    )
    insert into face.face_rejections (face_id, person_id, owner_id, merge_id, created_at)
    select distinct on (r.face_id) r.face_id, ${survivorId}::uuid, ${ownerId}::uuid, merged.merge_id, r.created_at
    from merged join face.face_rejections r on r.owner_id = ${ownerId} and r.person_id = merged.id
    where ${which}
    order by r.face_id, r.created_at, merged.merge_id
    on conflict (face_id, person_id) do nothing
    returning face_id as "faceId"`.execute(db);
  return new Set(rows.map(({ faceId }) => faceId));
}
