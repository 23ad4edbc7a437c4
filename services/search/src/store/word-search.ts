import { type Kysely, sql } from "kysely";
import type { DocumentCondition } from "../vectors.ts";
import { allOf, findable } from "./conditions.ts";
import type { SearchTables } from "./tables.ts";

/** A word or phrase in the forms in which documents are asked for it, as `tsquery` text. */
export interface CompiledWord {
  /** As prose or as a name; empty for what means nothing in prose ("the"). */
  exact: string;
  /** Longer words that begin like it; empty unless it is being typed. */
  beginning: string;
}

/** A word to compile. */
export interface WordToCompile {
  /** Spellings, any of which counts. */
  texts: readonly string[];
  phrase: boolean;
  typing: boolean;
}

/** A document that words of a query were found in. */
export interface WordMatch {
  photoId: string;
  /** Per word: 1 found, less for the beginning of a longer word, 0 not found. */
  found: number[];
  /** ts_rank_cd of any of the words, normalised to 0..1. */
  rank: number;
}

/** What a word's beginning counts for. */
const beginningCounts = 0.6;
// Ranking reads whole documents: no more than this many, whatever the word; fewer where only some words are there.
const mostRanked = { all: 500, any: 200 };

/** Words as `tsquery`s: compiled first, so that the planner knows them when it plans the search. */
export async function compileWords(
  db: Kysely<SearchTables>,
  words: readonly WordToCompile[],
): Promise<CompiledWord[]> {
  if (words.length === 0) return [];
  const asked = words.flatMap(({ texts, phrase, typing }, n) =>
    texts.map((text) => ({ n, text, phrase, typing })),
  );
  const { rows } = await sql<{ n: number } & CompiledWord>`
    select n, string_agg(exact::text, ' | ') filter (where numnode(exact) > 0) as exact,
           string_agg(beginning::text, ' | ') filter (where numnode(beginning) > 0) as beginning
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as asked(n int, text text, phrase bool, typing bool)
    cross join lateral (
      select case when phrase then phraseto_tsquery('english', text) else plainto_tsquery('english', text) end as prose,
             case when phrase then phraseto_tsquery('simple', text) else plainto_tsquery('simple', text) end as name
    ) as said
    cross join lateral (
      select case when numnode(prose) = 0 then prose else prose || name end as exact,
             case when typing and not phrase and text ~ '^[[:alnum:]]{3,}$' and numnode(prose) > 0
                  then to_tsquery('simple', text || ':*') else ''::tsquery end as beginning
    ) as compiled
    group by n order by n`.execute(db);
  const byNumber = new Map(rows.map((row) => [row.n, row]));
  return words.map((_, n) => ({
    exact: byNumber.get(n)?.exact ?? "",
    beginning: byNumber.get(n)?.beginning ?? "",
  }));
}

/** The owner's documents that hold all of the words, or (`any`) some of them; a bounded number of them, unordered. */
export async function matchWords(
  db: Kysely<SearchTables>,
  query: {
    ownerId: string;
    words: readonly CompiledWord[];
    any: boolean;
    within?: DocumentCondition | undefined;
  },
): Promise<WordMatch[]> {
  const { ownerId, words, any, within } = query;
  if (words.length === 0) return [];
  const forms = words.map(({ exact, beginning }) => (beginning ? `(${exact}) | (${beginning})` : exact));
  const some = forms.map((form) => `(${form})`).join(" | ");
  const wanted = any ? some : forms.map((form) => `(${form})`).join(" & ");
  // The owner is one of the words of every document: the index meets nobody else's. `is true` keeps the planner from
  // reading all documents of the owner instead, as it does where there are no statistics.
  const own = `'=${ownerId}' & (${wanted})`;
  const found = words.map(({ exact }, n) =>
    words[n]?.beginning
      ? sql`case when words @@ ${exact}::tsquery then 1 when words @@ ${forms[n]}::tsquery then ${beginningCounts}::float8 else 0 end`
      : sql`(words @@ ${exact}::tsquery)::int`,
  );
  const { rows } = await sql<WordMatch>`
    select photo_id as "photoId", array[${sql.join(found)}]::float8[] as found,
           ts_rank_cd(words, ${some}::tsquery, 32)::float8 as rank
    from (
      select d.photo_id, d.words from search.documents d
      where d.words @@ ${own}::tsquery and (d.owner_id = ${ownerId}) is true and ${allOf([findable, ...(within ? [within] : [])])}
      limit ${any ? mostRanked.any : mostRanked.all}
    ) as held`.execute(db);
  return rows;
}
