import { deletedOwnersMigration, eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { type Kysely, sql } from "kysely";
import { findCapability } from "../vector-storage.ts";
import { photoChangesMigration } from "./004-photo-changes.ts";
import { factsMigration } from "./005-facts.ts";
import { vectorsMigration } from "./006-vectors.ts";
import { duplicatesMigration } from "./007-duplicates.ts";
import { smartAlbumsMigration } from "./008-smart-albums.ts";
import { suggestionsMigration } from "./009-suggestions.ts";
import { rebuildMigration } from "./010-rebuild.ts";

/** Migrations of the search store, in order. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_documents": { up: createDocuments },
  "002_photo_embeddings": { up: createEmbeddings },
  "003_deleted_owners": deletedOwnersMigration,
  "004_photo_changes": photoChangesMigration,
  "005_facts": factsMigration,
  "006_vectors": vectorsMigration,
  "007_duplicates": duplicatesMigration,
  "008_smart_albums": smartAlbumsMigration,
  "009_suggestions": suggestionsMigration,
  "010_rebuild": rebuildMigration,
};

async function createDocuments(db: Kysely<unknown>): Promise<void> {
  // array_to_string is only STABLE in Postgres, so a generated column needs an IMMUTABLE wrapper; for text[] it is one.
  await sql`
    create function search.join_words(words text[]) returns text language sql immutable parallel safe
    return array_to_string(words, ' ')`.execute(db);
  await sql`
    create table search.documents (
      photo_id uuid primary key,
      owner_id uuid not null,
      sha256 text not null,
      filename text,
      caption text,
      labels text[],
      ocr_text text,
      taken_at timestamptz,
      ended text[] not null default '{}',
      indexed_at timestamptz,
      deleted boolean not null default false,
      words tsvector generated always as (
        setweight(to_tsvector('english', coalesce(caption, '')), 'A') ||
        setweight(to_tsvector('english', coalesce(search.join_words(labels), '')), 'B') ||
        setweight(to_tsvector('english', coalesce(ocr_text, '')), 'C') ||
        setweight(to_tsvector('simple', coalesce(filename, '')), 'D')
      ) stored
    )`.execute(db);
  await sql`create index documents_owner on search.documents (owner_id)`.execute(db);
  await sql`create index documents_words on search.documents using gin (words)`.execute(db);
}

async function createEmbeddings(db: Kysely<unknown>): Promise<void> {
  const { storage } = await findCapability(db);
  const vector = storage === "halfvec" ? sql`public.halfvec(384)` : sql`bytea`;
  await sql`
    create table search.photo_embeddings (
      photo_id uuid not null,
      model text not null,
      owner_id uuid not null,
      sha256 text not null,
      embedding ${vector} not null,
      primary key (photo_id, model)
    )`.execute(db);
  await sql`create index photo_embeddings_owner on search.photo_embeddings (owner_id, model)`.execute(db);
  await sql`create index photo_embeddings_bytes on search.photo_embeddings (sha256, model)`.execute(db);
}
