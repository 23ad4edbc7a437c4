import { type Kysely, sql } from "kysely";

/** Hashes of pictures, the pairs that are duplicates, and the decisions of their owners. */
export const duplicatesMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await sql`
      create table search.pictures (
        photo_id uuid primary key,
        owner_id uuid not null,
        sha256 text not null,
        hash bigint,
        turned bigint[] not null default '{}',
        sharpness real not null
      )`.execute(db);
    await sql`create index pictures_owner_bytes on search.pictures (owner_id, sha256)`.execute(db);
    await sql`create index pictures_bytes on search.pictures (sha256)`.execute(db);
    await sql`
      create table search.picture_bands (
        owner_id uuid not null,
        value integer not null,
        photo_id uuid not null,
        hash bigint not null,
        primary key (owner_id, value, photo_id)
      )`.execute(db);
    await sql`
      create table search.duplicate_pairs (
        owner_id uuid not null,
        photo_id uuid not null,
        other_id uuid not null,
        exact boolean not null,
        distance smallint not null,
        primary key (owner_id, photo_id, other_id),
        check (photo_id <> other_id)
      )`.execute(db);
    await sql`
      create table search.kept_duplicates (
        owner_id uuid not null,
        photo_id uuid not null,
        other_id uuid not null,
        primary key (owner_id, photo_id, other_id),
        check (photo_id < other_id)
      )`.execute(db);
    await sql`create index kept_duplicates_other on search.kept_duplicates (owner_id, other_id)`.execute(db);
  },
};
