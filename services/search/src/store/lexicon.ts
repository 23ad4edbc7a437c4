import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** A name that an owner's photos know. */
export interface KnownName {
  kind: "person" | "album" | "place" | "camera" | "label";
  /** As shown. */
  name: string;
  /** Of persons and albums. */
  id: string | null;
}

/** Whose names are looked through. */
export interface NameScope {
  ownerId: string;
  /** False leaves persons out. */
  mayKnowPeople: boolean;
}

/** The owner's persons, albums, places, cameras and labels of these names (lower case); persons by first name as well. */
export async function findNames(
  db: Kysely<SearchTables>,
  { ownerId, mayKnowPeople }: NameScope,
  names: readonly string[],
): Promise<KnownName[]> {
  const wanted = sql`any(${[...names]}::text[])`;
  const { rows } = await sql<KnownName>`
    select 'person' as kind, name, person_id::text as id from search.people
    where ${mayKnowPeople} and owner_id = ${ownerId} and not deleted and not hidden and name <> ''
      and (lower(name) = ${wanted} or lower(split_part(name, ' ', 1)) = ${wanted})
    union all
    select 'album', name, album_id::text from search.albums
    where owner_id = ${ownerId} and not deleted and lower(name) = ${wanted}
    union all
    select kind, word, null from search.vocabulary
    where owner_id = ${ownerId} and lower(word) = ${wanted} and kind in ('place', 'camera', 'label')
    limit 500`.execute(db);
  return rows;
}

/** The words (lower case) of some that the owner's photos say, in any form of prose or name. */
export async function findKnownWords(
  db: Kysely<SearchTables>,
  { ownerId, mayKnowPeople }: NameScope,
  words: readonly string[],
): Promise<Set<string>> {
  const { rows } = await sql<{ word: string }>`
    select distinct lower(word) as word from search.vocabulary
    where owner_id = ${ownerId} and lower(word) = any(${[...words]}::text[])
    union
    select asked from unnest(${[...words]}::text[]) as asked
    where exists (
      select from search.people
      where ${mayKnowPeople} and owner_id = ${ownerId} and not deleted and strpos(lower(name), asked) > 0
    )`.execute(db);
  return new Set(rows.map(({ word }) => word));
}

/** Words of the owner's photos that are spelt much like one, likest first; none where the store has no trigrams. */
export async function findSimilarWords(
  db: Kysely<SearchTables>,
  { ownerId, mayKnowPeople }: NameScope,
  word: string,
): Promise<string[]> {
  const { rows: trigrams } = await sql<{ there: boolean }>`
    select to_regproc('public.similarity') is not null as there`.execute(db);
  if (!trigrams[0]?.there) return [];
  const { rows } = await sql<{ word: string }>`
    select word from (
      select word from search.vocabulary
      where owner_id = ${ownerId} and kind = 'word'
        and length(word) between ${word.length - 2}::int and ${word.length + 2}::int
      union
      select lower(name) from search.people
      where ${mayKnowPeople} and owner_id = ${ownerId} and not deleted and not hidden and name <> ''
      union
      select lower(split_part(name, ' ', 1)) from search.people
      where ${mayKnowPeople} and owner_id = ${ownerId} and not deleted and not hidden and name <> ''
    ) as known
    where public.similarity(word, ${word}) >= ${leastSimilarity}
    order by public.similarity(word, ${word}) desc, word
    limit ${mostSimilar}`.execute(db);
  return rows.map((row) => row.word);
}

/** Of pg_trgm, 0..1: one wrong letter in a word of five leaves about .3. */
const leastSimilarity = 0.25;
const mostSimilar = 20;
