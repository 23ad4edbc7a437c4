import { type Kysely, sql } from "kysely";

/** How building all documents anew goes; one row, since there is one index. */
export const rebuildMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`alter table search.documents add column rebuilt_at timestamptz`.execute(db);
    await sql`
      create table search.rebuild (
        id integer primary key check (id = 1),
        started_at timestamptz not null,
        finished_at timestamptz,
        phase text not null default 'albums',
        page_token text not null default '',
        documents bigint not null default 0,
        removed bigint not null default 0,
        error text not null default '',
        worker uuid,
        worker_until timestamptz
      )`.execute(db);
  },
};
