import { sql, type Transaction } from "kysely";
import { StartupError } from "../startup-error.ts";
import { listMigrations, listSequences, listTables, type Table } from "./catalog.ts";
import type { Part, StoreBackup } from "./format.ts";
import type { Row } from "./rows-file.ts";
import { serviceStores } from "./service-stores.ts";
import type { OpenStore } from "./snapshots.ts";

/** Stores rows under the name of a part. */
export type WritePart = (file: string, pages: AsyncIterable<readonly Row[]>) => Promise<Part>;

/** About so many bytes are asked for at once. */
const fetchBytes = 2 * 1024 * 1024;
const fetchRows = { first: 50, most: 2_000 };

/** Writes all rows of a store, as its transaction sees them. @throws StartupError for a store that was never started. */
export async function dumpStore({ name, trx, takenAt }: OpenStore, write: WritePart): Promise<StoreBackup> {
  const migrations = await listMigrations(trx, name);
  if (migrations.length === 0)
    throw new StartupError(
      `there is no store of ${name} in its database: nothing to back up, or another database is meant`,
    );
  const { transient, ordered = {} } = serviceStores[name];
  const tables: StoreBackup["tables"] = {};
  for (const table of await listTables(trx, name)) {
    if (table.name in transient) continue;
    const pages = readTable(trx, name, table, ordered[table.name]);
    const part = await write(`stores/${name}/${table.name}.jsonl.gz`, pages);
    tables[table.name] = { columns: table.columns, part };
  }
  const sequences: StoreBackup["sequences"] = {};
  for (const sequence of await listSequences(trx, name))
    sequences[sequence] = await readSequence(trx, name, sequence);
  return { takenAt: takenAt.toISOString(), migrations, tables, sequences };
}

/** All rows as text, a page at a time. */
export async function* readTable(
  trx: Transaction<unknown>,
  schema: string,
  { name, columns }: Table,
  orderBy?: string,
): AsyncGenerator<Row[]> {
  const values = sql.join(
    columns.map((column, at) => sql`${sql.ref(column.name)}::text as ${sql.ref(`c${at}`)}`),
  );
  const order = orderBy === undefined ? sql`` : sql` order by ${sql.ref(orderBy)} collate "C"`;
  await sql`
    declare backup_rows no scroll cursor for
    select ${values} from ${sql.table(`${schema}.${name}`)}${order}`.execute(trx);
  for (let wanted = fetchRows.first; ; ) {
    const { rows } = await sql<Record<string, string | null>>`
      fetch forward ${sql.lit(wanted)} from backup_rows`.execute(trx);
    if (rows.length > 0) yield rows.map((row) => columns.map((_, at) => row[`c${at}`] ?? null));
    if (rows.length < wanted) break;
    wanted = rowsFor(rows);
  }
  await sql`close backup_rows`.execute(trx);
}

/** How many rows like these are worth a page. */
function rowsFor(rows: readonly Record<string, string | null>[]): number {
  let bytes = 0;
  for (const row of rows) for (const value of Object.values(row)) bytes += value?.length ?? 0;
  return Math.max(1, Math.min(fetchRows.most, Math.floor((fetchBytes * rows.length) / Math.max(bytes, 1))));
}

async function readSequence(trx: Transaction<unknown>, schema: string, name: string) {
  const { rows } = await sql<{ value: string; called: boolean }>`
    select last_value::text as value, is_called as called from ${sql.table(`${schema}.${name}`)}`.execute(
    trx,
  );
  const [found] = rows;
  if (!found) throw new Error(`the sequence ${schema}.${name} has no value`);
  return found;
}
