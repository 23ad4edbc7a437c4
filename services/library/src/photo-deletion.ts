import { appendEvents, type Database, type EventEraser, type Relay, withOutbox } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { BlobSweeper } from "./blob-sweeper.ts";
import { isPhotoId } from "./photo.ts";
import { appendFeed } from "./store/feed.ts";
import {
  anywhere,
  deletePhotos,
  inTrash,
  inTrashFor,
  listExpired,
  listTrash,
  type PhotosToDelete,
} from "./store/photo-deletion.ts";
import { deletePhotoRemains } from "./store/photo-remains.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createPhotoDeletion} stands on. */
export interface PhotoDeletionOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  sweeper: Pick<BlobSweeper, "kick">;
  eraser: Pick<EventEraser, "kick">;
}

/**
 * Deletes photos for good: rows, places in albums, room and what was told of them at once, files and events right after,
 * results as services hear of it.
 */
export interface PhotoDeletion {
  /** Passes over ids that are not the owner's. @returns the ids of those that were deleted. */
  deleteMany(ownerId: string, photoIds: readonly string[]): Promise<string[]>;
  /** @returns how many photos lay in the owner's trash. */
  emptyTrash(ownerId: string, signal: AbortSignal): Promise<number>;
  /** Deletes what has been in anybody's trash for so long. May run in several replicas. @returns how many photos. */
  purge(retentionMs: number, signal: AbortSignal): Promise<number>;
}

// Bounds one transaction and its locks; see PhotosToDelete.
const photosAtOnce = 200;

/** Creates the rules of deleting photos. */
export function createPhotoDeletion({
  database,
  relay,
  sweeper,
  eraser,
}: PhotoDeletionOptions): PhotoDeletion {
  const { db } = database;

  async function deleteSome(wanted: PhotosToDelete): Promise<string[]> {
    const deleted = await withOutbox(db, relay, async (trx) => {
      const photos = await deletePhotos(trx, wanted);
      await appendEvents(
        trx,
        events.photoDeleted,
        photos.map((photo) => ({ photo })),
      );
      const entries = photos.map(({ photoId }) => ({ type: "photo.deleted", subjectId: photoId, data: {} }));
      await appendFeed(trx, wanted.ownerId, entries);
      const ids = photos.map(({ photoId }) => photoId);
      await deletePhotoRemains(trx, wanted.ownerId, ids);
      return photos;
    });
    if (deleted.length > 0) {
      sweeper.kick();
      eraser.kick();
    }
    return deleted.map(({ photoId }) => photoId);
  }

  return {
    async deleteMany(ownerId, photoIds) {
      const ids = [...new Set(photoIds.filter(isPhotoId))];
      const deleted: string[] = [];
      for (let start = 0; start < ids.length; start += photosAtOnce) {
        const some = ids.slice(start, start + photosAtOnce);
        deleted.push(...(await deleteSome({ ownerId, ids: some, while: anywhere })));
      }
      return deleted;
    },
    async emptyTrash(ownerId, signal) {
      let count = 0;
      for (;;) {
        signal.throwIfAborted();
        const ids = await listTrash(db, ownerId, photosAtOnce);
        if (ids.length === 0) return count;
        count += (await deleteSome({ ownerId, ids, while: inTrash })).length;
      }
    },
    async purge(retentionMs, signal) {
      let count = 0;
      for (;;) {
        signal.throwIfAborted();
        const expired = await listExpired(db, retentionMs, photosAtOnce);
        if (expired.length === 0) return count;
        for (const [ownerId, photos] of Map.groupBy(expired, (photo) => photo.ownerId)) {
          const ids = photos.map(({ id }) => id);
          count += (await deleteSome({ ownerId, ids, while: inTrashFor(retentionMs) })).length;
        }
      }
    },
  };
}
