import { eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { init } from "./001-init.ts";

/** All migrations of the auth store. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_init": init,
};
