import { deletedPhotosMigration } from "@ocelli/analysis";
import { deletedOwnersMigration, eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { type CreateTableBuilder, type Kysely, sql } from "kysely";

/** Migrations of the captioning store, in order. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_captions_and_texts": {
    async up(db) {
      await photoTable(db, "captions")
        .addColumn("text", "text", (column) => column.notNull())
        .addColumn("source", "text", (column) => column.notNull())
        .addColumn("score", "real", (column) => column.notNull())
        .execute();
      await photoTable(db, "photo_texts")
        .addColumn("lines", "jsonb", (column) => column.notNull())
        .execute();
      for (const table of ["captions", "photo_texts"]) {
        await db.schema.createIndex(`${table}_bytes`).on(table).columns(["sha256", "model"]).execute();
      }
    },
  },
  "002_deleted_photos": deletedPhotosMigration,
  "003_deleted_owners": deletedOwnersMigration,
  "004_owners": {
    async up(db) {
      for (const table of ["captions", "photo_texts"]) {
        await db.schema.createIndex(`${table}_owner`).on(table).column("owner_id").execute();
      }
    },
  },
};

function photoTable(db: Kysely<unknown>, name: string): CreateTableBuilder<string, string> {
  return db.schema
    .createTable(name)
    .addColumn("photo_id", "uuid", (column) => column.primaryKey())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("sha256", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("ms", "real", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`));
}
