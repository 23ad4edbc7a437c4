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

// Letters of every script, whatever the locale of the database says of them.
const isPlainWord = /^[\p{L}\p{N}]{3,}$/u;
/** What a word's beginning counts for. */
const beginningCounts = 0.6;
// Of more documents than anybody looks through the best; fewer where only some of the words are there.
const mostRanked = { all: 500, any: 200 };
/**
 * What a word counts in the file name, in read text, in description, labels and places, in title and caption.
 * Where only some words are there, how many of them there are counts for more than where.
 */
const weights = { all: "{0.1,0.2,0.4,1}", any: "{0.7,0.8,0.9,1}" };

/** Words as `tsquery`s: compiled first, so that the planner knows them when it plans the search. */
export async function compileWords(
  db: Kysely<SearchTables>,
  words: readonly WordToCompile[],
): Promise<CompiledWord[]> {
  if (words.length === 0) return [];
  const asked = words.flatMap(({ texts, phrase, typing }, n) =>
    texts.map((text) => ({ n, text, phrase, typing: typing && !phrase && isPlainWord.test(text) })),
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
             case when typing and numnode(prose) > 0
                  then to_tsquery('simple', text || ':*') else ''::tsquery end as beginning
    ) as compiled
    group by n order by n`.execute(db);
  const byNumber = new Map(rows.map((row) => [row.n, row]));
  return words.map((_, n) => ({
    exact: byNumber.get(n)?.exact ?? "",
    beginning: byNumber.get(n)?.beginning ?? "",
  }));
}

/**
 * The owner's documents that hold all of the words, or (`any`) some of them: a bounded number, those that say them most
 * prominently and of equals the newest; in no order. On a word of 60,000 photos it takes about a tenth of a second.
 */
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
  const side = any ? "any" : "all";
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
      order by ts_rank(${weights[side]}::float4[], d.words, ${some}::tsquery) desc, d.moment desc, d.photo_id desc
      limit ${mostRanked[side]}
    ) as held`.execute(db);
  return rows;
}
