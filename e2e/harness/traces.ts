import type { ObservedOcelli } from "./database.ts";

/**
 * Every table, of whatever schema, in which one of some words stands anywhere in a row: as text, within JSON, or within
 * bytes such as events. Asked of the catalog, so that no table can be forgotten. Values are counts of rows.
 */
export async function tracesOf(
  { rows }: Pick<ObservedOcelli, "rows">,
  words: readonly string[],
): Promise<Record<string, number>> {
  const tables = await rows<{ name: string }>(
    `select quote_ident(table_schema) || '.' || quote_ident(table_name) as name from information_schema.tables
     where table_type = 'BASE TABLE' and table_schema not in ('pg_catalog', 'information_schema') order by 1`,
  );
  const patterns = words.flatMap((word) => [word, Buffer.from(word).toString("hex")]);
  const traces: Record<string, number> = {};
  for (const { name } of tables) {
    const query = `select count(*)::int as n from ${name} t
      where exists (select from unnest($1::text[]) word where position(lower(word) in lower(t::text)) > 0)`;
    const [row] = await rows<{ n: number }>(query, [patterns]);
    if (row && row.n > 0) traces[name] = row.n;
  }
  return traces;
}
