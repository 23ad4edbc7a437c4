import { type RawBuilder, sql, type Transaction } from "kysely";
import { Migrator } from "kysely/migration";
import { StartupError } from "../startup-error.ts";
import { hasSchema, listMigrations, listSequences, listTables, type Table } from "./catalog.ts";
import { damaged, type Part, type StoreBackup, type StoreName } from "./format.ts";
import type { Row } from "./rows-file.ts";
import { type RestorePlan, serviceStores } from "./service-stores.ts";
import { standAside } from "./stand-aside.ts";

/** Reads the rows of a part. */
export type ReadPart = (part: Part, columns: number) => AsyncIterable<readonly Row[]>;

/** A store that is to be filled, and what with. */
export interface LoadOptions {
  name: StoreName;
  trx: Transaction<unknown>;
  backup: StoreBackup;
  read: ReadPart;
}

/**
 * Fills a store within the caller's transaction: the schema at the level of the backup, its rows, then the migrations
 * that came since.
 * @throws StartupError when the store is not empty, or what the backup holds does not fit it.
 */
export async function loadStore(options: LoadOptions): Promise<void> {
  const { name, trx, backup, read } = options;
  const { migrations, prepare } = serviceStores[name];
  const all = await migrations();
  await clearEmptySchema(trx, name);
  await sql`create schema ${sql.id(name)}`.execute(trx);
  const then = Object.fromEntries(
    Object.entries(all).filter(([migration]) => backup.migrations.includes(migration)),
  );
  await migrateWithin(trx, name, then);
  const plan = await prepare?.(trx, (table) => readSmall(backup, table, read));
  const back = await standAside(trx, name);
  const tables = await listTables(trx, name);
  for (const [table, { part }] of Object.entries(backup.tables)) {
    const target = matchTable(options, tables, table);
    await loadTable(options, target, read(part, target.columns.length), plan);
  }
  await setSequences(options);
  await refreshEvents(trx, name);
  await back();
  await plan?.finish();
  await migrateWithin(trx, name, all);
  for (const table of await listTables(trx, name))
    await sql`analyze ${sql.table(`${name}.${table.name}`)}`.execute(trx);
}

/** @throws StartupError for a store that a newer version has written. */
export async function checkLevel(name: StoreName, { migrations }: StoreBackup): Promise<void> {
  const known = await serviceStores[name].migrations();
  const unknown = migrations.filter((migration) => !(migration in known));
  if (unknown.length > 0)
    throw damaged(
      `the store of ${name} is newer than this version (${unknown.join(", ")}); restore it with the version that wrote it, or a newer one`,
    );
}

/** @returns whether there is a schema of Ocelli's. @throws StartupError unless nothing is stored in it. */
export async function assertEmpty(trx: Transaction<unknown>, schema: string): Promise<boolean> {
  if (!(await hasSchema(trx, schema))) return false;
  const isOurs = (await listMigrations(trx, schema)).length > 0;
  for (const { name } of await listTables(trx, schema)) {
    const { rows } = await sql`select 1 from ${sql.table(`${schema}.${name}`)} limit 1`.execute(trx);
    if (!isOurs || rows.length > 0)
      throw new StartupError(
        `the target is not empty (${schema}.${name} ${isOurs ? "has rows" : "is none of Ocelli's"}); restore into new databases, or another OCELLI_DATA, that nothing was started on`,
      );
  }
  return isOurs;
}

/** What migrations alone have made is removed, to be made again at the level of the backup. */
async function clearEmptySchema(trx: Transaction<unknown>, schema: string): Promise<void> {
  const isOurs = await assertEmpty(trx, schema);
  await sql`drop schema if exists ${sql.id(schema)} ${isOurs ? sql`cascade` : sql`restrict`}`.execute(trx);
}

async function migrateWithin(
  trx: Transaction<unknown>,
  schema: string,
  migrations: Awaited<ReturnType<(typeof serviceStores)[StoreName]["migrations"]>>,
): Promise<void> {
  const migrator = new Migrator({
    db: trx.withSchema(schema),
    provider: { getMigrations: async () => migrations },
    migrationTableSchema: schema,
    migrationTableName: "migrations",
    migrationLockTableName: "migrations_lock",
  });
  const { error, results } = await migrator.migrateToLatest();
  if (!error) return;
  const failed = results?.find(({ status }) => status === "Error")?.migrationName ?? "unknown";
  throw new StartupError(
    `the schema of ${schema} could not be made (migration ${failed}: ${error instanceof Error ? error.message : String(error)})`,
  );
}

/** The table of the target with the columns of the backup, in its order. @throws StartupError when they do not fit. */
function matchTable({ name, backup }: LoadOptions, tables: readonly Table[], table: string): Table {
  const target = tables.find((each) => each.name === table);
  if (!target || table in serviceStores[name].transient) throw damaged(`${name} has no table ${table}`);
  const variable = serviceStores[name].variableColumns?.(table) ?? [];
  const columns = (backup.tables[table]?.columns ?? []).map(({ name: column, type }) => {
    const found = target.columns.find((each) => each.name === column);
    if (!found) throw damaged(`${name}.${table} has no column ${column}`);
    if (found.type !== type && !variable.includes(column))
      throw damaged(`${name}.${table}.${column} is of the type ${found.type}, not ${type}`);
    return found;
  });
  if (new Set(columns).size < columns.length) throw damaged(`${name}.${table} has a column twice`);
  return { name: table, columns };
}

async function loadTable(
  { name, trx }: LoadOptions,
  { name: table, columns }: Table,
  pages: AsyncIterable<readonly Row[]>,
  plan: RestorePlan | undefined,
): Promise<void> {
  const names = columns.map((column) => column.name);
  const rewrite = plan?.rewrite(table, names);
  const aliases = columns.map((_, at) => sql.ref(`c${at}`));
  // Types are the target's own words for its columns.
  const values = columns.map(({ type }, at) => sql`r.${aliases[at]}::${sql.raw(type)}`);
  for await (const page of pages) {
    const rows = rewrite ? page.map(rewrite) : page;
    const arrays: RawBuilder<unknown>[] = columns.map(
      (_, at) => sql`${rows.map((row) => row[at] ?? null)}::text[]`,
    );
    await sql`
      insert into ${sql.table(`${name}.${table}`)} (${sql.join(names.map((each) => sql.ref(each)))})
      overriding system value
      select ${sql.join(values)} from unnest(${sql.join(arrays)}) as r(${sql.join(aliases)})`
      .execute(trx)
      .catch((error: unknown) => {
        throw damaged(
          `rows of ${name}.${table} do not fit (${error instanceof Error ? error.message : String(error)})`,
        );
      });
  }
}

/** A table that is read as a whole before its rows are loaded. */
async function readSmall(backup: StoreBackup, table: string, read: ReadPart) {
  const found = backup.tables[table];
  if (!found) return [];
  if (found.part.rows > 1_000) throw damaged(`${found.part.file} has more rows than it may have`);
  const rows: Record<string, string | null>[] = [];
  for await (const page of read(found.part, found.columns.length)) {
    for (const row of page)
      rows.push(Object.fromEntries(found.columns.map((column, at) => [column.name, row[at] ?? null])));
  }
  return rows;
}

async function setSequences({ name, trx, backup }: LoadOptions): Promise<void> {
  const known = await listSequences(trx, name);
  for (const [sequence, { value, called }] of Object.entries(backup.sequences)) {
    if (!known.includes(sequence)) throw damaged(`${name} has no sequence ${sequence}`);
    await sql`select setval(${`${name}.${sequence}`}::regclass, ${value}::bigint, ${called})`.execute(trx);
  }
}

/**
 * Streams begin anew, so every event that is kept is sent again. What consumers remember counts from now: it would else
 * be forgotten by its age before those events arrive, and they would have their effect twice.
 */
async function refreshEvents(trx: Transaction<unknown>, schema: string): Promise<void> {
  await sql`update ${sql.table(`${schema}.outbox`)} set sent_at = null`.execute(trx);
  await sql`update ${sql.table(`${schema}.inbox`)} set processed_at = now()`.execute(trx);
}
