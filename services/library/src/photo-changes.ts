import { appendEvents, type Database, type Relay, withOutbox } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { isPhotoId, type Photo } from "./photo.ts";
import { photoNotFound } from "./photos.ts";
import { appendFeed, type NewFeedEntry } from "./store/feed.ts";
import { type PhotoChange, type PhotoPatch, patchPhotos } from "./store/photo-changes.ts";
import { findPhoto } from "./store/photos.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link createPhotoChanges} stands on. */
export interface PhotoChangesOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
}

/** What owners say of their photos. Unknown ids, malformed ids and other owners' photos answer alike. */
export interface PhotoChanges {
  /** @throws AppError NOT_FOUND/PHOTO_NOT_FOUND. */
  update(ownerId: string, photoId: string, patch: PhotoPatch): Promise<Photo>;
  /** Passes over ids that are not the owner's. @returns the ids of the others, whether they changed or were so already. */
  changeMany(ownerId: string, photoIds: readonly string[], patch: PhotoPatch): Promise<string[]>;
}

/** Creates the rules of changing photos; whoever keeps a copy of what is said hears of each change. */
export function createPhotoChanges({ database: { db }, relay }: PhotoChangesOptions): PhotoChanges {
  async function changeMany(
    ownerId: string,
    photoIds: readonly string[],
    patch: PhotoPatch,
  ): Promise<string[]> {
    const ids = photoIds.filter(isPhotoId);
    if (ids.length === 0) return [];
    return withOutbox(db, relay, async (trx) => {
      const found = await patchPhotos(trx, ownerId, ids, patch);
      const changes = found.flatMap(({ change }) => change ?? []);
      await announceChanges(trx, ownerId, changes);
      return found.map(({ id }) => id);
    });
  }

  return {
    changeMany,
    async update(ownerId, photoId, patch) {
      await changeMany(ownerId, [photoId], patch);
      const photo = isPhotoId(photoId) ? await findPhoto(db, ownerId, photoId) : undefined;
      if (!photo) throw photoNotFound();
      return photo;
    },
  };
}

/** Tells everybody of changes of {@link patchPhotos}; last in their transaction, because the owner's feed is locked. */
export async function announceChanges(
  trx: Kysely<LibraryTables>,
  ownerId: string,
  changes: readonly PhotoChange[],
): Promise<void> {
  await appendEvents(
    trx,
    events.photoChanged,
    changes.map(({ event }) => event),
  );
  await appendFeed(trx, ownerId, changes.map(toFeedEntry));
}

function toFeedEntry({ event, hidden, trashed }: PhotoChange): NewFeedEntry {
  const { title, favorite, takenAt } = event;
  const data = { title, favorite, hidden, trashed, takenAt: takenAt?.toISOString() ?? null };
  return { type: "photo.changed", subjectId: event.photo?.photoId ?? "", data };
}
