import { deletedPhotosMigration } from "@ocelli/analysis";
import { deletedOwnersMigration, eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { sql } from "kysely";

/** Migrations of the scene store, in order. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_photo_scenes": {
    async up(db) {
      await db.schema
        .createTable("photo_scenes")
        .addColumn("photo_id", "uuid", (column) => column.primaryKey())
        .addColumn("owner_id", "uuid", (column) => column.notNull())
        .addColumn("sha256", "text", (column) => column.notNull())
        .addColumn("result", "bytea", (column) => column.notNull())
        .addColumn("model", "text", (column) => column.notNull())
        .addColumn("ms", "real", (column) => column.notNull())
        .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
        .execute();
      await db.schema
        .createIndex("photo_scenes_bytes")
        .on("photo_scenes")
        .columns(["sha256", "model"])
        .execute();
    },
  },
  "002_deleted_photos": deletedPhotosMigration,
  "003_deleted_owners": deletedOwnersMigration,
  "004_owners": {
    async up(db) {
      await db.schema.createIndex("photo_scenes_owner").on("photo_scenes").column("owner_id").execute();
    },
  },
};
