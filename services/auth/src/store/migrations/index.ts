import { eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { init } from "./001-init.ts";
import { access } from "./002-access.ts";

/** All migrations of the auth store. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_init": init,
  "002_access": access,
};
