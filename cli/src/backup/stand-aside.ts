import { sql, type Transaction } from "kysely";

/**
 * Keeps triggers and foreign keys out of the way while rows are loaded: triggers would change what is restored, and
 * tables that refer to each other have no order. All it takes is to own the tables.
 * @returns what puts everything back; the rows are checked against every foreign key then.
 */
export async function standAside(trx: Transaction<unknown>, schema: string): Promise<() => Promise<void>> {
  const { rows: tables } = await sql<{ name: string }>`
    select relname as name from pg_class
    where relnamespace = ${schema}::regnamespace and relkind in ('r', 'p')`.execute(trx);
  const { rows: keys } = await sql<{ table: string; name: string; definition: string }>`
    select c.relname as table, k.conname as name, pg_get_constraintdef(k.oid) as definition
    from pg_constraint k join pg_class c on c.oid = k.conrelid
    where c.relnamespace = ${schema}::regnamespace and k.contype = 'f' and k.conparentid = 0`.execute(trx);
  for (const { table, name } of keys)
    await sql`alter table ${sql.table(`${schema}.${table}`)} drop constraint ${sql.id(name)}`.execute(trx);
  for (const { name } of tables)
    await sql`alter table ${sql.table(`${schema}.${name}`)} disable trigger user`.execute(trx);
  return async () => {
    for (const { name } of tables)
      await sql`alter table ${sql.table(`${schema}.${name}`)} enable trigger user`.execute(trx);
    for (const { table, name, definition } of keys)
      await sql`
        alter table ${sql.table(`${schema}.${table}`)} add constraint ${sql.id(name)} ${sql.raw(definition)}`.execute(
        trx,
      );
  };
}
