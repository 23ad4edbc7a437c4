import { deletedOwnersMigration, eventTablesMigration, type Migrations } from "@ocelli/chassis";
import { photosMigration } from "./001-photos.ts";
import { usageMigration } from "./002-usage.ts";
import { metadataMigration } from "./003-metadata.ts";
import { photoDetailsMigration } from "./005-photo-details.ts";
import { albumsMigration } from "./006-albums.ts";
import { jobsMigration } from "./007-jobs.ts";
import { feedMigration } from "./008-feed.ts";
import { uploadsMigration } from "./009-uploads.ts";
import { disabledOwnersMigration } from "./010-disabled-owners.ts";
import { peopleStageMigration } from "./011-people-stage.ts";
import { albumRevisionsMigration } from "./012-album-revisions.ts";

/** All migrations of the library's store. */
export const migrations: Migrations = {
  "000_events": eventTablesMigration,
  "001_photos": photosMigration,
  "002_usage": usageMigration,
  "003_deleted_owners": deletedOwnersMigration,
  "003_metadata": metadataMigration,
  "005_photo_details": photoDetailsMigration,
  "006_albums": albumsMigration,
  "007_jobs": jobsMigration,
  "008_feed": feedMigration,
  "009_uploads": uploadsMigration,
  "010_disabled_owners": disabledOwnersMigration,
  "011_people_stage": peopleStageMigration,
  "012_album_revisions": albumRevisionsMigration,
};
