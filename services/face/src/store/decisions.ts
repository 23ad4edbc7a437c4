import { type Kysely, sql } from "kysely";
import { withMembers } from "./people.ts";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** A face before something is decided about it. */
export interface FaceToDecide {
  id: string;
  photoId: string;
  personId: string | null;
}

/** Those of the faces that the owner has. */
export async function findFacesToDecide(
  db: Store,
  ownerId: string,
  faceIds: readonly string[],
): Promise<FaceToDecide[]> {
  return db
    .selectFrom("faces")
    .select(["id", "photo_id as photoId", "person_id as personId"])
    .where("owner_id", "=", ownerId)
    .where("id", "=", sql<string>`any(${[...faceIds]}::uuid[])`)
    .execute();
}

/**
 * Stores a human's word on whose faces these are; null for nobody's. An earlier word that they are not that person's, nor
 * anybody's who became that person, is dropped, and no undo of an earlier merge takes them elsewhere.
 */
export async function assignFaces(
  db: Store,
  ownerId: string,
  faceIds: readonly string[],
  personId: string | null,
): Promise<void> {
  const ids = sql<string>`any(${[...faceIds]}::uuid[])`;
  await db
    .updateTable("faces")
    .set({ person_id: personId, source: "USER", similarity: null })
    .where("owner_id", "=", ownerId)
    .where("id", "=", ids)
    .execute();
  await db.deleteFrom("merge_faces").where("owner_id", "=", ownerId).where("face_id", "=", ids).execute();
  if (personId === null) return;
  await sql`
    ${withMembers(ownerId, [personId])}
    delete from face.face_rejections
    where owner_id = ${ownerId} and face_id = ${ids} and person_id in (select id from members)`.execute(db);
}

/**
 * Stores that a face is not a person's; takes it away if it is there, for a model to give it to somebody else.
 * @returns true when the face was the person's.
 */
export async function rejectFace(
  db: Store,
  { ownerId, faceId, personId, at }: { ownerId: string; faceId: string; personId: string; at: Date },
): Promise<boolean> {
  // Of those who became this person it is not, either: the undo of a merge must not bring it back.
  await sql`
    ${withMembers(ownerId, [personId])}
    insert into face.face_rejections as r (face_id, person_id, owner_id, created_at)
    select ${faceId}::uuid, members.id, ${ownerId}::uuid, ${at}::timestamptz from members
    on conflict (face_id, person_id) do update set merge_id = null, created_at = excluded.created_at
    where r.merge_id is not null`.execute(db);
  await sql`
    ${withMembers(ownerId, [personId])}
    delete from face.merge_faces
    where owner_id = ${ownerId} and face_id = ${faceId} and person_id in (select id from members)`.execute(
    db,
  );
  const { numUpdatedRows } = await db
    .updateTable("faces")
    .set({ person_id: null, source: "MODEL", similarity: null })
    .where("owner_id", "=", ownerId)
    .where("id", "=", faceId)
    .where("person_id", "=", personId)
    .executeTakeFirst();
  return numUpdatedRows > 0n;
}

/** Forgets that a face is not a person's, nor anybody's who became that person. */
export async function unrejectFace(
  db: Store,
  ownerId: string,
  faceId: string,
  personId: string,
): Promise<void> {
  await sql`
    ${withMembers(ownerId, [personId])}
    delete from face.face_rejections
    where owner_id = ${ownerId} and face_id = ${faceId} and person_id in (select id from members)`.execute(
    db,
  );
}

/** Stores that two persons are different ones. */
export async function insertDistinction(
  db: Store,
  { ownerId, persons, at }: { ownerId: string; persons: readonly [string, string]; at: Date },
): Promise<void> {
  const [a, b] = persons[0] < persons[1] ? persons : [persons[1], persons[0]];
  await db
    .insertInto("person_distinctions")
    .values({ person_a: a, person_b: b, owner_id: ownerId, created_at: at })
    .onConflict((conflict) => conflict.columns(["person_a", "person_b"]).doNothing())
    .execute();
}

/** Two persons whom a human called different. */
export interface DistinctPair {
  personId: string;
  otherId: string;
}

/**
 * Pairs of persons whom a human called different, each in one order only. What was said of a person that was merged
 * since holds for whoever it became, as long as the merge holds.
 */
export async function listDistinctPairs(db: Store, ownerId: string): Promise<DistinctPair[]> {
  const { rows } = await sql<DistinctPair>`
    with recursive chain as (
      select p.id as start, p.id, p.merged_into from face.people p
      where p.owner_id = ${ownerId} and exists (
        select from face.person_distinctions d
        where d.owner_id = ${ownerId} and p.id in (d.person_a, d.person_b))
      union
      select chain.start, p.id, p.merged_into from chain
      join face.people p on p.id = chain.merged_into and p.owner_id = ${ownerId}
    )
    select distinct least(a.id, b.id) as "personId", greatest(a.id, b.id) as "otherId"
    from face.person_distinctions d
    join chain a on a.start = d.person_a and a.merged_into is null
    join chain b on b.start = d.person_b and b.merged_into is null
    where d.owner_id = ${ownerId} and a.id <> b.id`.execute(db);
  return rows;
}

/** Faces of which a human said that they are not a person's, by face id. */
export async function listRejectedFaces(
  db: Store,
  page: { ownerId: string; personId: string; after: string | undefined; limit: number },
): Promise<{ faceId: string; photoId: string; createdAt: Date }[]> {
  const { ownerId, personId, after, limit } = page;
  const query = db
    .selectFrom("face_rejections as r")
    .innerJoin("faces as f", "f.id", "r.face_id")
    .select(["r.face_id as faceId", "f.photo_id as photoId", "r.created_at as createdAt"])
    .where("r.owner_id", "=", ownerId)
    .where("f.owner_id", "=", ownerId)
    .where("r.person_id", "=", personId)
    .orderBy("r.face_id")
    .limit(limit);
  return (after === undefined ? query : query.where("r.face_id", ">", after)).execute();
}
