import {
  type AppError,
  appendEvent,
  type Database,
  ownerIsMarked,
  permissionDenied,
  type Relay,
} from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import type { AlbumPhotos } from "./album-photos.ts";
import type { StagedImage } from "./image-intake.ts";
import type { LooseBlobs } from "./loose-blobs.ts";
import type { Photo } from "./photo.ts";
import { factsOf, toPhotoReady } from "./photo-facts.ts";
import { isOver, type Quotas, quotaExceeded } from "./quotas.ts";
import { appendFeed, type NewFeedEntry } from "./store/feed.ts";
import { announceBlobs, lockUpload } from "./store/loose-blobs.ts";
import { insertPhoto } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";
import { countPhoto } from "./store/usage.ts";

/** What {@link createPhotoRecords} stands on. */
export interface PhotoRecordsOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  quotas: Pick<Quotas, "inForce">;
  loose: Pick<LooseBlobs, "remove">;
  albums: Pick<AlbumPhotos, "addIn">;
}

/** How recording a photo ended; `image-gone` when its files are not there any more and none were staged. */
export type Recorded = "stored" | "duplicate" | "image-gone";

/** Writes photos down. */
export interface PhotoRecords {
  /**
   * Stores a photo, counts it, puts it into an album if one is named, places its files and says that it is ready, all or
   * nothing.
   * @throws AppError RESOURCE_EXHAUSTED/QUOTA_EXCEEDED, PERMISSION_DENIED/{ACCOUNT_DELETED,ALBUM_ROLE_REQUIRED},
   *   NOT_FOUND/ALBUM_NOT_FOUND.
   */
  add(photo: Photo, staged: StagedImage | undefined, albumId?: string): Promise<Recorded>;
}

/** Rolls a transaction back in which a photo turned out to lack its files. */
class ImageGone extends Error {}

/** Creates the writing side of a library. */
export function createPhotoRecords(options: PhotoRecordsOptions): PhotoRecords {
  const { database, relay, quotas, loose, albums } = options;
  const { db } = database;

  async function addIn(
    trx: Transaction<LibraryTables>,
    photo: Photo,
    staged: StagedImage | undefined,
    albumId: string | undefined,
  ): Promise<Recorded> {
    await lockUpload(trx, photo.ownerId, photo.sha256);
    if (await ownerIsMarked(trx, photo.ownerId)) throw accountDeleted();
    const inserted = await insertPhoto(trx, photo);
    if (!inserted) return "duplicate";
    if (isOver(quotas.inForce(await countPhoto(trx, photo.ownerId, photo.sizeBytes)))) throw quotaExceeded();
    if (!staged && inserted.imageIsNew) throw new ImageGone();
    await appendEvent(trx, { type: events.photoReady, message: toPhotoReady(factsOf(photo)) });
    if (albumId !== undefined) await albums.addIn(trx, photo.ownerId, albumId, photo.id);
    // Late, when hardly anything but the commit can fail; under the lock, so that nobody removes them meanwhile.
    await staged?.place();
    // Last: the ends of the owner's stages wait for it.
    await appendFeed(trx, photo.ownerId, [readyEntry(photo)]);
    return "stored";
  }

  return {
    async add(photo, staged, albumId) {
      if (staged) await announceBlobs(db, photo.sha256);
      try {
        const recorded = await db.transaction().execute((trx) => addIn(trx, photo, staged, albumId));
        if (recorded === "stored") relay.kick();
        return recorded;
      } catch (error) {
        if (error instanceof ImageGone) return "image-gone";
        // Should this fail as well, the next sweep does it.
        if (staged) await loose.remove([photo.sha256]).catch(() => undefined);
        throw error;
      }
    },
  };
}

/** PERMISSION_DENIED/ACCOUNT_DELETED. */
export function accountDeleted(): AppError {
  return permissionDenied("ACCOUNT_DELETED", "This account was deleted.");
}

function readyEntry({ id, filename, mediaType, width, height }: Photo): NewFeedEntry {
  return { type: "photo.ready", subjectId: id, data: { filename, mediaType, width, height } };
}
