import { deletedOwnersMigration, eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { photosMigration } from "./001-photos.ts";
import { usageMigration } from "./002-usage.ts";

/** All migrations of the library's store. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_photos": photosMigration,
  "002_usage": usageMigration,
  "003_deleted_owners": deletedOwnersMigration,
};
