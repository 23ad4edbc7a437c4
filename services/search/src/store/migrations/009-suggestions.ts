import { type Kysely, sql } from "kysely";
import { findTextCollation } from "./text-collation.ts";

/**
 * What may be suggested, in the form in which it is compared with what was typed: lower case, without accents, a blank
 * before every word; null where no letter or digit is left, so that such a text neither finds nor is found.
 */
export const suggestionsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    const collation = await findTextCollation(db);
    await sql`
      create function search.fold(words text) returns text language sql immutable parallel safe
      return nullif(' ' || trim(regexp_replace(
        lower(regexp_replace(normalize(words, nfkd)${collation}, '[\u0300-\u036f]', '', 'g')), '[^[:alnum:]]+', ' ', 'g')), ' ')`.execute(
      db,
    );
    await sql`
      alter table search.vocabulary add column folded text
      generated always as (case when kind = 'word' then null else search.fold(word) end) stored`.execute(db);
    for (const table of ["people", "albums"]) {
      await sql`
        alter table ${sql.table(`search.${table}`)}
        add column folded text generated always as (search.fold(name)) stored`.execute(db);
    }
    await sql`
      create index vocabulary_suggested on search.vocabulary (owner_id) where folded is not null`.execute(db);
  },
};
