import { createEventEraser, type Database, deletePhotoEvents, type ServiceHost } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import { sql } from "kysely";
import { createBlobSweeper } from "./blob-sweeper.ts";
import type { LibraryConfig } from "./config.ts";
import type { ImageIntake } from "./image-intake.ts";
import type { LooseBlobs } from "./loose-blobs.ts";
import { createPhotoChanges, type PhotoChanges } from "./photo-changes.ts";
import { createPhotoDeletion, type PhotoDeletion } from "./photo-deletion.ts";
import type { Photos } from "./photos.ts";
import type { Quotas } from "./quotas.ts";
import type { Reception } from "./reception.ts";
import { createPhotoHandlers } from "./rpc/photo-handlers.ts";
import { deleteLateDeliveries } from "./store/photo-remains.ts";
import { findExisting } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";
import { startTrashPurge } from "./trash-purge.ts";
import { createValidation } from "./validation.ts";

/** What {@link openPhotoService} stands on. */
export interface PhotoServiceOptions {
  host: ServiceHost<LibraryTables>;
  config: Pick<LibraryConfig, "maxUploadBytes" | "trashRetentionMs" | "uploadIdleTimeoutMs">;
  photos: Pick<Photos, "getMany">;
  loose: LooseBlobs;
  reception: Reception;
  intake: ImageIntake;
  quotas: Quotas;
}

/** Changing and deleting, for the other parts of the library. */
export interface PhotoRules {
  changes: PhotoChanges;
  deletion: PhotoDeletion;
  /** Begins to purge the trash. */
  start(): void;
}

/** Provides PhotoService. */
export function openPhotoService(options: PhotoServiceOptions): PhotoRules {
  const { host, config, photos, loose, reception, intake, quotas } = options;
  const { database, relay, log } = host;
  const sweeper = createBlobSweeper({ loose, log });
  host.onStop(() => sweeper.stop());
  const eraser = createEventEraser({ erase: (signal) => eraseRemains(database, signal), log });
  host.onStop(eraser.stop);
  const changes = createPhotoChanges({ database, relay });
  const deletion = createPhotoDeletion({ database, relay, sweeper, eraser });
  const { maxUploadBytes, uploadIdleTimeoutMs } = config;
  const handlers = createPhotoHandlers({
    photos,
    changes,
    deletion,
    validation: createValidation({ database, reception, intake, quotas, maxUploadBytes }),
    findExisting: (ownerId, hashes) => findExisting(database.db, ownerId, hashes),
    uploadIdleTimeoutMs,
  });
  host.provide(libraryV1.PhotoServiceDefinition, handlers);
  return {
    changes,
    deletion,
    start() {
      host.onStop(startTrashPurge({ deletion, retentionMs: config.trashRetentionMs, log }));
    },
  };
}

async function eraseRemains({ db, schema }: Database<LibraryTables>, signal: AbortSignal): Promise<void> {
  await deletePhotoEvents(
    db,
    { schema, signal },
    (photoId) =>
      sql`${photoId} is not null and not exists (select from library.photos p where p.id = ${photoId})`,
  );
  await deleteLateDeliveries(db);
}
