import { type Kysely, sql } from "kysely";
import type { FaceTables } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** A person as events tell of it. */
export interface PersonState {
  personId: string;
  name: string;
  hidden: boolean;
  /** Gone: deleted, or merged. */
  deleted: boolean;
  /** Who the person is now, at the end of all merges; empty unless merged. */
  mergedInto: string;
}

/** Persons on a photo. */
export interface PhotoPersons {
  photoId: string;
  personIds: string[];
}

/** How persons are now; those that are not there any more are told of as deleted. In the order asked. */
export async function findPersonStates(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<PersonState[]> {
  // `union` drops what was seen already: a circle of merges ends the walk instead of feeding it.
  const { rows } = await sql<PersonState>`
    with recursive asked as (
      select id, position from unnest(${[...personIds]}::uuid[]) with ordinality as a (id, position)
    ), chain as (
      select p.id as start, p.id, p.merged_into from face.people p
      where p.owner_id = ${ownerId} and p.id in (select id from asked)
      union
      select chain.start, p.id, p.merged_into from chain
      join face.people p on p.id = chain.merged_into and p.owner_id = ${ownerId}
    )
    select asked.id as "personId", coalesce(p.name, '') as name, coalesce(p.hidden, false) as hidden,
      p.id is null or p.merged_into is not null as deleted,
      coalesce((select chain.id::text from chain
        where chain.start = p.id and p.merged_into is not null and chain.merged_into is null), '') as "mergedInto"
    from asked left join face.people p on p.id = asked.id and p.owner_id = ${ownerId}
    order by asked.position`.execute(db);
  return rows;
}

/** Who is on photos now, hidden persons included. In the order asked. */
export async function listPhotoPeople(
  db: Store,
  ownerId: string,
  photoIds: readonly string[],
): Promise<PhotoPersons[]> {
  const { rows } = await sql<PhotoPersons>`
    select asked.id as "photoId", coalesce(
      array_agg(distinct f.person_id::text) filter (where f.person_id is not null), '{}') as "personIds"
    from unnest(${[...photoIds]}::uuid[]) with ordinality as asked (id, position)
    left join face.faces f on f.photo_id = asked.id and f.owner_id = ${ownerId}
    group by asked.id, asked.position order by asked.position`.execute(db);
  return rows;
}
