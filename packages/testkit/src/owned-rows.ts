import pg from "pg";

/**
 * How many rows of an owner each table of a schema has, asked of the catalog: every table with an `owner_id` counts, so
 * that one that is added later cannot be forgotten.
 */
export async function ownedRows(
  databaseUrl: string,
  schema: string,
  ownerId: string,
): Promise<Record<string, number>> {
  const client = new pg.Client({ connectionString: databaseUrl });
  await client.connect();
  try {
    const { rows: tables } = await client.query<{ name: string }>(
      `select table_name as name from information_schema.columns
       where table_schema = $1 and column_name = 'owner_id' order by table_name`,
      [schema],
    );
    const counts: Record<string, number> = {};
    for (const { name } of tables) {
      const table = `${client.escapeIdentifier(schema)}.${client.escapeIdentifier(name)}`;
      const query = `select count(*)::int as n from ${table} where owner_id = $1`;
      const { rows } = await client.query<{ n: number }>(query, [ownerId]);
      counts[name] = rows[0]?.n ?? 0;
    }
    return counts;
  } finally {
    await client.end();
  }
}
