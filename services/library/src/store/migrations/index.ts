import { eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { photosMigration } from "./001-photos.ts";

/** All migrations of the library's store. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_photos": photosMigration,
};
