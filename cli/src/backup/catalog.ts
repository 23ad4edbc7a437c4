import { type Kysely, sql } from "kysely";

/** A column that holds what was written to it; generated ones are made again by themselves. */
export interface Column {
  name: string;
  /** As Postgres writes it, with its modifiers: `timestamp(3) with time zone`. */
  type: string;
}

/** A table of a schema, without the partitions it may have. */
export interface Table {
  name: string;
  columns: Column[];
}

/** Names of the migrations that have run in a schema, in order; empty when it has none. */
export async function listMigrations(db: Kysely<unknown>, schema: string): Promise<string[]> {
  const { rows: found } = await sql<{ found: boolean }>`
    select to_regclass(${`${schema}.migrations`}) is not null as found`.execute(db);
  if (!found[0]?.found) return [];
  const { rows } = await sql<{ name: string }>`
    select name from ${sql.table(`${schema}.migrations`)} order by name`.execute(db);
  return rows.map(({ name }) => name);
}

/** Tables with their columns, but for those in which the migrator keeps its books. */
export async function listTables(db: Kysely<unknown>, schema: string): Promise<Table[]> {
  const { rows } = await sql<{ name: string; columns: Column[] }>`
    select c.relname as name,
           json_agg(json_build_object('name', a.attname, 'type', format_type(a.atttypid, a.atttypmod))
             order by a.attnum) as columns
    from pg_class c
    join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where c.relnamespace = ${schema}::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
      and c.relname not in ('migrations', 'migrations_lock')
    group by c.relname order by c.relname`.execute(db);
  return rows;
}

/** Names of sequences, also of those behind identity columns. */
export async function listSequences(db: Kysely<unknown>, schema: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = ${schema}::regnamespace and relkind = 'S' order by relname`.execute(db);
  return rows.map(({ name }) => name);
}

/** True when there is a schema of this name. */
export async function hasSchema(db: Kysely<unknown>, schema: string): Promise<boolean> {
  const { rows } = await sql<{ found: boolean }>`
    select to_regnamespace(${schema}) is not null as found`.execute(db);
  return rows[0]?.found ?? false;
}

/** Makes the text of values the same on every server, until the transaction ends. */
export async function settleFormats(trx: Kysely<unknown>): Promise<void> {
  const settings = {
    datestyle: "ISO, YMD",
    timezone: "UTC",
    intervalstyle: "postgres",
    extra_float_digits: "1",
    bytea_output: "hex",
    search_path: "public",
    statement_timeout: "0",
    idle_in_transaction_session_timeout: "0",
  };
  for (const [name, value] of Object.entries(settings))
    await sql`select set_config(${name}, ${value}, true)`.execute(trx);
}
