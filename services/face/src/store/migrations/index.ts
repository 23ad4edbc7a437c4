import { deletedPhotosMigration } from "@ocelli/analysis";
import { deletedOwnersMigration, eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { type Kysely, sql } from "kysely";
import { peopleMigration } from "./005-people.ts";
import { groupingMigration } from "./006-grouping.ts";

/** Migrations of the face store, in order. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_faces": {
    async up(db) {
      await createScans(db);
      await createFaces(db);
    },
  },
  "002_deleted_photos": deletedPhotosMigration,
  "003_deleted_owners": deletedOwnersMigration,
  "004_owners": {
    async up(db) {
      for (const table of ["faces", "face_scans"]) {
        await db.schema.createIndex(`${table}_owner`).on(table).column("owner_id").execute();
      }
    },
  },
  "005_people": peopleMigration,
  "006_grouping": groupingMigration,
};

async function createScans(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("face_scans")
    .addColumn("photo_id", "uuid", (column) => column.primaryKey())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("sha256", "text", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("ms", "real", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .execute();
  await db.schema.createIndex("face_scans_bytes").on("face_scans").columns(["sha256", "model"]).execute();
}

async function createFaces(db: Kysely<unknown>): Promise<void> {
  let table = db.schema
    .createTable("faces")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("photo_id", "uuid", (column) => column.notNull())
    .addColumn("owner_id", "uuid", (column) => column.notNull());
  for (const name of ["x", "y", "width", "height", "score", "quality"]) {
    table = table.addColumn(name, "real", (column) => column.notNull());
  }
  await table
    .addColumn("landmarks", "jsonb", (column) => column.notNull())
    .addColumn("embedding", "bytea", (column) => column.notNull())
    .addColumn("model", "text", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .execute();
  await db.schema.createIndex("faces_photo").on("faces").columns(["photo_id"]).execute();
}
