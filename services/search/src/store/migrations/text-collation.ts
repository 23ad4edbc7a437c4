import { type Kysely, type RawBuilder, sql } from "kysely";

/** Collations that know every letter, whatever the database's own locale; the first that the server has is taken. */
const known = ["pg_c_utf8", "C.UTF-8", "C.utf8", "und-x-icu"];

/**
 * ` collate …`, to put behind a text before its letters are looked at: in a database of the locale C only those of ASCII
 * are letters otherwise, and have a lower case. Nothing on a server that has no such collation.
 */
export async function findTextCollation(db: Kysely<unknown>): Promise<RawBuilder<unknown>> {
  const { rows } = await sql<{ collname: string }>`
    select collname from pg_catalog.pg_collation
    where collname = any(${known}::text[]) and collnamespace = 'pg_catalog'::regnamespace
      and collencoding in (-1, pg_char_to_encoding(getdatabaseencoding()))
    order by array_position(${known}::text[], collname::text) limit 1`.execute(db);
  const [found] = rows;
  return found ? sql` collate pg_catalog.${sql.id(found.collname)}` : sql``;
}
