import { type Kysely, sql } from "kysely";

/** Searches kept under a name. */
export const smartAlbumsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table search.smart_albums (
        id uuid primary key,
        owner_id uuid not null,
        name text not null,
        query text not null,
        filter bytea not null,
        request_id uuid,
        created_at timestamptz not null,
        updated_at timestamptz not null
      )`.execute(db);
    await sql`
      create index smart_albums_name on search.smart_albums (owner_id, lower(name) collate "C", id)`.execute(
      db,
    );
    await sql`
      create unique index smart_albums_request on search.smart_albums (owner_id, request_id)
      where request_id is not null`.execute(db);
  },
};
