import { type Kysely, sql } from "kysely";
import { withMembers } from "./people.ts";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** A face that a model gives to a person. */
export interface Assignment {
  faceId: string;
  /** How sure the model is, 0..1. */
  similarity: number;
}

/** Those of the faces that are still nobody's and of which no human has spoken. */
export async function listStillLoose(
  db: Store,
  ownerId: string,
  faceIds: readonly string[],
): Promise<string[]> {
  if (faceIds.length === 0) return [];
  const rows = await db
    .selectFrom("faces")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("id", "=", sql<string>`any(${[...faceIds]}::uuid[])`)
    .where("person_id", "is", null)
    .where("source", "=", "MODEL")
    .where("erased", "=", false)
    .execute();
  return rows.map(({ id }) => id);
}

/**
 * Gives faces to a person, in a model's name. Faces that somebody has, of which a human has spoken, or that a human said
 * are not this person, nor one who became it, stay as they are, whatever the caller thought.
 * @returns those that were given, with their photos.
 */
export async function giveFaces(
  db: Store,
  ownerId: string,
  personId: string,
  given: readonly Assignment[],
): Promise<{ faceId: string; photoId: string }[]> {
  if (given.length === 0) return [];
  const { rows } = await sql<{ faceId: string; photoId: string }>`
    ${withMembers(ownerId, [personId])}
    update face.faces f set person_id = ${personId}::uuid, similarity = given.similarity
    from unnest(${given.map(({ faceId }) => faceId)}::uuid[], ${given.map(({ similarity }) => similarity)}::real[])
      as given (face_id, similarity)
    where f.owner_id = ${ownerId} and f.id = given.face_id and f.person_id is null and f.source = 'MODEL'
      and not f.erased
      and exists (
        select from face.people p where p.owner_id = ${ownerId} and p.id = ${personId} and p.merged_into is null)
      and not exists (
        select from face.face_rejections r
        where r.owner_id = ${ownerId} and r.face_id = f.id and r.person_id in (select id from members))
    returning f.id as "faceId", f.photo_id as "photoId"`.execute(db);
  return rows;
}

/** Stores a person that a model found. */
export async function insertFoundPerson(db: Store, ownerId: string, personId: string): Promise<void> {
  await db.insertInto("people").values({ id: personId, owner_id: ownerId, source: "MODEL" }).execute();
}

/** Takes faces, or all of them, from a person that only a model gave them to. @returns their photos. */
export async function takeFaces(
  db: Store,
  ownerId: string,
  personId: string,
  faceIds: readonly string[] | "all",
): Promise<string[]> {
  const some = faceIds === "all" ? sql`` : sql`and id = any(${[...faceIds]}::uuid[])`;
  const { rows } = await sql<{ photoId: string }>`
    update face.faces set person_id = null, similarity = null
    where owner_id = ${ownerId} and person_id = ${personId} and source = 'MODEL' ${some}
    returning photo_id as "photoId"`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/**
 * Moves the faces of a person to another one. Faces that a human said are not the other, nor one who became it, stay
 * nobody's.
 * @returns the photos of all of them.
 */
export async function moveFaces(db: Store, ownerId: string, from: string, to: string): Promise<string[]> {
  const { rows } = await sql<{ photoId: string }>`
    ${withMembers(ownerId, [to])}
    update face.faces f
    set (person_id, similarity) = (
      select case when count(*) = 0 then ${to}::uuid end, case when count(*) = 0 then f.similarity end
      from face.face_rejections r
      where r.owner_id = ${ownerId} and r.face_id = f.id and r.person_id in (select id from members))
    where f.owner_id = ${ownerId} and f.person_id = ${from} and f.source = 'MODEL'
    returning f.photo_id as "photoId"`.execute(db);
  return rows.map(({ photoId }) => photoId);
}

/**
 * Those of the persons of whom no human has said anything: neither of them, nor of one of their faces, nor that they
 * are or are not somebody.
 */
export async function listUntouched(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<string[]> {
  if (personIds.length === 0) return [];
  const { rows } = await sql<{ id: string }>`
    select p.id from face.people p
    where p.owner_id = ${ownerId} and p.id = any(${[...personIds]}::uuid[])
      and p.source = 'MODEL' and p.merged_into is null
      and not exists (
        select from face.faces f where f.owner_id = ${ownerId} and f.person_id = p.id and f.source = 'USER')
      and not exists (
        select from face.face_rejections r where r.owner_id = ${ownerId} and r.person_id = p.id)
      and not exists (
        select from face.person_distinctions d
        where d.owner_id = ${ownerId} and p.id in (d.person_a, d.person_b))
      and not exists (
        select from face.people q where q.owner_id = ${ownerId} and q.merged_into = p.id)
    order by p.id`.execute(db);
  return rows.map(({ id }) => id);
}

/** True when two persons are on one photo. */
export async function areTogether(db: Store, ownerId: string, a: string, b: string): Promise<boolean> {
  const { rows } = await sql`
    select from face.faces one
    join face.faces other on other.owner_id = ${ownerId} and other.photo_id = one.photo_id and other.person_id = ${b}
    where one.owner_id = ${ownerId} and one.person_id = ${a}
    limit 1`.execute(db);
  return rows.length > 0;
}

/** How many faces a person has. */
export async function countFaces(db: Store, ownerId: string, personId: string): Promise<number> {
  const { count } = await db
    .selectFrom("faces")
    .select(({ fn }) => fn.countAll<string>().as("count"))
    .where("owner_id", "=", ownerId)
    .where("person_id", "=", personId)
    .executeTakeFirstOrThrow();
  return Number(count);
}

/** Faces of a person by id, with their embeddings; those without one are left out. */
export async function listPersonFaces(
  db: Store,
  { ownerId, model, personId }: { ownerId: string; model: string; personId: string },
  page: { after: string | null; limit: number },
): Promise<{ id: string; quality: number; embedding: Buffer }[]> {
  const { after, limit } = page;
  const { rows } = await sql<{ id: string; quality: number; embedding: Buffer }>`
    select f.id, f.quality, e.embedding
    from face.faces f
    join face.face_embeddings e on e.face_id = f.id and e.model = ${model}
    where f.owner_id = ${ownerId} and f.person_id = ${personId} and not f.erased
      and (${after}::uuid is null or f.id > ${after}::uuid)
    order by f.id limit ${limit}`.execute(db);
  return rows;
}
