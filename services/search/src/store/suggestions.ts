import { type Kysely, type RawBuilder, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** Something that can be searched for by its name. */
export interface SuggestedName {
  kind: string;
  text: string;
  /** Photos that have it; counted up to {@link maxCounted} for persons and albums. */
  photos: number;
  /** The name itself begins as was typed, not only a later word of it. */
  begins: boolean;
}

/** What was typed, and of whom. */
export interface SuggestionQuery {
  ownerId: string;
  /** Any text without NUL that has a letter or digit. */
  typed: string;
  /** Names of each kind. */
  limit: number;
}

/** Names of one kind whose photos are counted: which of them have most is known only then. */
const maxCompared = 200;
/** Nobody asks whether it is a thousand or two, and counting them all would take longer than typing a letter. */
const maxCounted = 1_000;

/** Condition: a word of `folded` begins as was typed. Letters and digits are all that folding leaves: no wildcards. */
function hasWord({ typed }: SuggestionQuery): RawBuilder<boolean> {
  return sql`folded like '%' || search.fold(${typed}) || '%'`;
}

function begins({ typed }: SuggestionQuery): RawBuilder<boolean> {
  return sql`starts_with(folded, search.fold(${typed}))`;
}

/** Persons by name, those on the most photos; of one name, each. */
export async function listPersonNames(
  db: Kysely<SearchTables>,
  query: SuggestionQuery,
): Promise<SuggestedName[]> {
  const { rows } = await sql<SuggestedName>`
    select 'person' as kind, n.name as text, n.begins, c.photos
    from (
      select person_id, name, ${begins(query)} as begins from search.people
      where owner_id = ${query.ownerId} and name <> '' and not hidden and not deleted and ${hasWord(query)}
      order by begins desc, name, person_id limit ${maxCompared}
    ) n
    cross join lateral (
      select count(*)::int as photos from (
        -- "offset 0": found by the person alone, whose index is the narrow one
        select from (
          select photo_id, owner_id from search.document_people where person_ids @> array[n.person_id] offset 0
        ) p join search.documents d on d.photo_id = p.photo_id
        where p.owner_id = ${query.ownerId} and d.owner_id = p.owner_id and not d.deleted and not d.withheld limit ${maxCounted}
      ) counted
    ) c
    where c.photos > 0
    order by n.begins desc, c.photos desc, n.name, n.person_id limit ${query.limit}`.execute(db);
  return rows;
}

/** Albums by name, those with the most photos. */
export async function listAlbumNames(
  db: Kysely<SearchTables>,
  query: SuggestionQuery,
): Promise<SuggestedName[]> {
  const { rows } = await sql<SuggestedName>`
    select 'album' as kind, n.name as text, n.begins, c.photos
    from (
      select album_id, name, ${begins(query)} as begins from search.albums
      where owner_id = ${query.ownerId} and not deleted and ${hasWord(query)}
      order by begins desc, name, album_id limit ${maxCompared}
    ) n
    cross join lateral (
      select count(*)::int as photos from (
        select from search.document_albums a join search.documents d on d.photo_id = a.photo_id
        where a.album_id = n.album_id and a.owner_id = ${query.ownerId} and a.present
          and d.owner_id = a.owner_id and not d.deleted and not d.withheld limit ${maxCounted}
      ) counted
    ) c
    where c.photos > 0
    order by n.begins desc, c.photos desc, n.name, n.album_id limit ${query.limit}`.execute(db);
  return rows;
}

/** Labels, places and cameras: those on the most photos. */
export async function listWords(db: Kysely<SearchTables>, query: SuggestionQuery): Promise<SuggestedName[]> {
  const { rows } = await sql<SuggestedName>`
    select kind, word as text, photos, ${begins(query)} as begins
    from search.vocabulary
    where owner_id = ${query.ownerId} and folded is not null and ${hasWord(query)}
    order by begins desc, photos desc, word limit ${query.limit}`.execute(db);
  return rows;
}
