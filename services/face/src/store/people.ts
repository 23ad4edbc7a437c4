import { type Kysely, type Selectable, sql, type Updateable } from "kysely";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** A person as stored. */
export type PersonRow = Selectable<FaceTables["people"]>;

/** Fields of a person that a human may change. */
export type PersonChanges = Pick<
  Updateable<FaceTables["people"]>,
  "name" | "hidden" | "favorite" | "birth_date" | "cover_face_id"
>;

/** A person whom a human makes. */
export interface NewPerson {
  id: string;
  ownerId: string;
  name: string;
  requestId: string | null;
  at: Date;
}

/**
 * Who a person is now: itself, or at the end of all merges whoever it became. Undefined for unknown persons and those
 * of others.
 */
export async function findHolder(db: Store, ownerId: string, personId: string): Promise<string | undefined> {
  // `union` drops what was seen already: a circle of merges ends the walk instead of feeding it.
  const { rows } = await sql<{ id: string }>`
    with recursive chain as (
      select p.id, p.merged_into from face.people p where p.owner_id = ${ownerId} and p.id = ${personId}
      union
      select p.id, p.merged_into from chain
      join face.people p on p.id = chain.merged_into and p.owner_id = ${ownerId}
    )
    select id from chain where merged_into is null`.execute(db);
  return rows[0]?.id;
}

/** Rows of persons, merged ones included, in no order. */
export async function findPersonRows(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<PersonRow[]> {
  return db
    .selectFrom("people")
    .selectAll()
    .where("owner_id", "=", ownerId)
    .where("id", "=", sql<string>`any(${[...personIds]}::uuid[])`)
    .execute();
}

/** Persons and all that were merged into them, at any depth. */
export async function listMembers(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    ${withMembers(ownerId, personIds)} select distinct id from members order by id`.execute(db);
  return rows.map(({ id }) => id);
}

/** Beginning of a query: `members (id, root)` are the persons `root` and all that were merged into them. */
export function withMembers(ownerId: string, personIds: readonly string[]) {
  return sql`with recursive members as (
      select p.id, p.id as root from face.people p
      where p.owner_id = ${ownerId} and p.id = any(${[...personIds]}::uuid[])
      union
      select p.id, members.root from members
      join face.people p on p.merged_into = members.id and p.owner_id = ${ownerId}
    )`;
}

/** The person that an earlier request of this id made. */
export async function findByRequest(
  db: Store,
  ownerId: string,
  requestId: string,
): Promise<string | undefined> {
  const row = await db
    .selectFrom("people")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("request_id", "=", requestId)
    .executeTakeFirst();
  return row?.id;
}

/** Stores a person of whom a human spoke. */
export async function insertPerson(db: Store, person: NewPerson): Promise<void> {
  await db
    .insertInto("people")
    .values({
      id: person.id,
      owner_id: person.ownerId,
      name: person.name,
      source: "USER",
      request_id: person.requestId,
      created_at: person.at,
      updated_at: person.at,
    })
    .execute();
}

/**
 * Stores a human's word of a person: no model dissolves it from now on, and no undo of an earlier merge takes the word
 * back. Without changes the word is about its faces.
 */
export async function speakOfPerson(
  db: Store,
  { ownerId, personId, at }: { ownerId: string; personId: string; at: Date },
  changes: PersonChanges = {},
): Promise<void> {
  await db
    .updateTable("people")
    .set({ ...changes, source: "USER", updated_at: at })
    .where("owner_id", "=", ownerId)
    .where("id", "=", personId)
    .execute();
  await sql`
    update face.merges
    set snapshot = jsonb_set(snapshot, '{spoken}', (
      select jsonb_agg(distinct field) from jsonb_array_elements(
        snapshot->'spoken' || ${JSON.stringify([...Object.keys(changes), "source", "updated_at"])}::jsonb
      ) field
    ))
    where owner_id = ${ownerId} and survivor_id = ${personId} and undone_at is null`.execute(db);
}

/** True when the face is the person's. */
export async function isFaceOf(
  db: Store,
  ownerId: string,
  personId: string,
  faceId: string,
): Promise<boolean> {
  const row = await db
    .selectFrom("faces")
    .select("id")
    .where("owner_id", "=", ownerId)
    .where("person_id", "=", personId)
    .where("id", "=", faceId)
    .executeTakeFirst();
  return row !== undefined;
}
