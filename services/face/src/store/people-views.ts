import { type Kysely, type RawBuilder, sql } from "kysely";
import type { FaceTables, Source } from "./tables.ts";

type Store = Kysely<FaceTables>;

/** A person as its owner sees it. */
export interface PersonView {
  id: string;
  name: string;
  hidden: boolean;
  favorite: boolean;
  /** `YYYY-MM-DD`. */
  birthDate: string | null;
  /** The one chosen while it is shown, else the best; null without faces that are shown. */
  coverFaceId: string | null;
  /** Faces on photos that are not withheld. */
  faceCount: number;
  /** Photos with them. */
  photoCount: number;
  source: Source;
  createdAt: Date;
  updatedAt: Date;
}

/** By what a list of persons is sorted. */
export type PersonOrder = "favorites" | "faces" | "name";

/** Where a page of persons begins: behind this one. */
export interface PersonCursor {
  favorite: boolean;
  faces: number;
  /** Name in lower case, as the database has it. */
  name: string;
  id: string;
}

/** Which persons a list shows; absent restricts nothing. */
export interface PersonFilter {
  /** Part of the name, case ignored. */
  query?: string;
  named?: boolean;
  hidden: boolean;
}

/** One page of persons. */
export interface PersonPage {
  ownerId: string;
  filter: PersonFilter;
  order: PersonOrder;
  after: PersonCursor | undefined;
  limit: number;
}

/** A person with its place in the list. */
export type ListedPerson = PersonView & { lowerName: string };

/** A page of persons with counts and covers, in one query whatever its size. */
export async function listPersons(db: Store, page: PersonPage): Promise<ListedPerson[]> {
  const { rows } = await personsQuery(page).execute(db);
  return rows;
}

/** The query of {@link listPersons}, for looking at its plan. */
export function personsQuery({ ownerId, filter, order, after, limit }: PersonPage): RawBuilder<ListedPerson> {
  const sorted = orders[order];
  // What only a model made and nobody can see, because all its photos are in the trash, is no person of a list.
  return viewsOf(
    ownerId,
    sql`true`,
    sql`${conditionsOf(filter)} and (p.source = 'USER' or p.faces > 0)
      ${after ? sql`and ${sorted.beyond(after)}` : sql``}
      order by ${sorted.by} limit ${limit}`,
    sorted.by,
  );
}

/** Persons by their ids, those that are merged left out, in no order. */
export async function findPersons(
  db: Store,
  ownerId: string,
  personIds: readonly string[],
): Promise<PersonView[]> {
  const ids = sql`any(${[...personIds]}::uuid[])`;
  const { rows } = await viewsOf(ownerId, sql`f.person_id = ${ids}`, sql`p.id = ${ids}`, sql`p.id`).execute(
    db,
  );
  return rows;
}

/** True for faces (`f`) on photos that are neither in the trash nor hidden. */
export function isShown(ownerId: string): RawBuilder<boolean> {
  return sql`not exists (
      select from face.photo_states s
      where s.photo_id = f.photo_id and s.owner_id = ${ownerId} and s.withheld)`;
}

/** {@link isShown} for all of many faces: the photos that are withheld are read once, not looked up face by face. */
const notWithheld = sql`f.photo_id not in (select photo_id from withheld)`;

/** Views of the persons that `which` selects, sorted again after the join with their covers. */
function viewsOf(
  ownerId: string,
  whoseFaces: RawBuilder<unknown>,
  which: RawBuilder<unknown>,
  order: RawBuilder<unknown>,
): RawBuilder<ListedPerson> {
  return sql<ListedPerson>`
    with withheld as materialized (
      select photo_id from face.photo_states where owner_id = ${ownerId} and withheld
    ), on_photos as (
      select f.person_id, count(*) as faces from face.faces f
      where f.owner_id = ${ownerId} and f.person_id is not null and ${whoseFaces} and ${notWithheld}
      group by f.person_id, f.photo_id
    ), counts as (
      select person_id, sum(faces)::int as faces, count(*)::int as photos from on_photos group by person_id
    ), page as materialized (
      select p.* from (
        select p.*, coalesce(c.faces, 0) as faces, coalesce(c.photos, 0) as photos
        from face.people p left join counts c on c.person_id = p.id
        where p.owner_id = ${ownerId} and p.merged_into is null
      ) p
      where ${which}
    )
    select p.id, p.name, p.hidden, p.favorite, p.birth_date as "birthDate", p.source,
      lower(p.name) as "lowerName", p.faces as "faceCount", p.photos as "photoCount",
      coalesce(${coverOf(ownerId, sql`and f.id = p.cover_face_id`)}, ${coverOf(ownerId, sql``)}) as "coverFaceId",
      p.created_at as "createdAt", p.updated_at as "updatedAt"
    from page p
    order by ${order}`;
}

/** The best face: one that can be shown, recognised well, large. */
function coverOf(ownerId: string, chosen: RawBuilder<unknown>): RawBuilder<string | null> {
  return sql`(select f.id from face.faces f
      where f.owner_id = ${ownerId} and f.person_id = p.id ${chosen} and ${notWithheld}
      order by f.erased, f.quality desc, f.width * f.height desc, f.id limit 1)`;
}

const faces = sql`p.faces`;
const unnamed = sql`(p.name = '')`;
const name = sql`lower(p.name)`;

interface Sorting {
  by: RawBuilder<unknown>;
  /** True for persons behind the cursor. */
  beyond(after: PersonCursor): RawBuilder<boolean>;
}

const orders: Record<PersonOrder, Sorting> = {
  favorites: {
    by: sql`p.favorite desc, ${faces} desc, p.id desc`,
    beyond: (after) =>
      sql`(p.favorite, ${faces}, p.id) < (${after.favorite}::boolean, ${after.faces}::int, ${after.id}::uuid)`,
  },
  faces: {
    by: sql`${faces} desc, p.id desc`,
    beyond: (after) => sql`(${faces}, p.id) < (${after.faces}::int, ${after.id}::uuid)`,
  },
  name: {
    by: sql`${unnamed}, ${name}, p.id`,
    beyond: (after) =>
      sql`(${unnamed}, ${name}, p.id) > (${after.name === ""}::boolean, ${after.name}, ${after.id}::uuid)`,
  },
};

function conditionsOf({ query, named, hidden }: PersonFilter): RawBuilder<unknown> {
  const conditions = [hidden ? sql`p.hidden` : sql`not p.hidden`];
  if (named !== undefined) conditions.push(named ? sql`p.name <> ''` : sql`p.name = ''`);
  if (query !== undefined) conditions.push(sql`p.name ~ ${[...query].map(anyCase).join("")}`);
  return sql.join(conditions, sql` and `);
}

/**
 * A regular expression for one character, which stands for itself in any case. `ilike` knows only the letters of the
 * database's locale, which may be English ones alone.
 */
function anyCase(character: string): string {
  const cases = new Set([character, character.toLowerCase(), character.toUpperCase()]);
  if (cases.size === 1) return /[\p{L}\p{M}\p{N}\s]/u.test(character) ? character : `\\${character}`;
  // Some have another case of several letters, e.g. the sharp s.
  return `(${[...cases].join("|")})`;
}
