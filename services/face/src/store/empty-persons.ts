import { type Kysely, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

/**
 * Deletes those of the given persons, all of the owner by default, that a model made and that have no face any more,
 * with what was said of them. Persons of whom a human has spoken stay, and so do those that a merge can bring back.
 * @returns their ids.
 */
export async function deleteEmptyPersons(
  db: Kysely<FaceTables>,
  ownerId: string,
  personIds?: readonly string[],
): Promise<string[]> {
  if (personIds?.length === 0) return [];
  const some = personIds ? sql`and p.id = any(${[...personIds]}::uuid[])` : sql``;
  const { rows } = await sql<{ id: string }>`
    with gone as (
      delete from face.people p
      where p.owner_id = ${ownerId} ${some} and p.source = 'MODEL' and p.merged_into is null
        and not exists (select from face.faces f where f.owner_id = ${ownerId} and f.person_id = p.id)
      returning p.id
    ), rejections as (
      delete from face.face_rejections where owner_id = ${ownerId} and person_id in (select id from gone)
    ), distinctions as (
      delete from face.person_distinctions
      where owner_id = ${ownerId}
        and (person_a in (select id from gone) or person_b in (select id from gone))
    )
    select id from gone order by id`.execute(db);
  return rows.map(({ id }) => id);
}
