import { type Database, type Relay, withOutbox } from "@ocelli/chassis";
import { albumNotFound, albumRoleRequired } from "./album-errors.ts";
import { announceDeleted, announceMoves } from "./album-events.ts";
import { parseAlbumId } from "./album-input.ts";
import type { PhotoChanges } from "./photo-changes.ts";
import { removeStrangers } from "./store/album-photos.ts";
import { deleteAlbums, findPhotosOnlyIn, lockTree } from "./store/album-tree.ts";
import { visibleAlbum } from "./store/albums.ts";
import type { PhotoPatch } from "./store/photo-changes.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What becomes of the photos of a deleted album: they stay, are hidden, or go to the trash. */
export type AlbumPhotosFate = "keep" | "archive" | "trash";

/** How a deletion ended. */
export interface DeletedAlbums {
  albums: number;
  /** Photos hidden or trashed. */
  photos: number;
}

/** The rule of deleting albums. */
export interface AlbumDeletion {
  /**
   * Deletes an album and those below it. What `fate` says happens to photos of the owner that lie in no other album;
   * others stay as they are. Photos go first, a thousand to a transaction: what a crash leaves behind is an album whose
   * deletion can be asked for again.
   */
  delete(userId: string, albumId: string, fate: AlbumPhotosFate): Promise<DeletedAlbums>;
}

/** What {@link createAlbumDeletion} stands on. */
export interface AlbumDeletionOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  changes: Pick<PhotoChanges, "changeMany">;
}

const patches: Readonly<Record<Exclude<AlbumPhotosFate, "keep">, PhotoPatch>> = {
  archive: { hidden: true },
  trash: { trashed: true },
};
const photosAtOnce = 1_000;

/** Creates {@link AlbumDeletion}. */
export function createAlbumDeletion(options: AlbumDeletionOptions): AlbumDeletion {
  const { changes, relay } = options;
  const { db } = options.database;

  async function changePhotos(userId: string, albumId: string, patch: PhotoPatch): Promise<number> {
    let photos = 0;
    for (let more = true; more; ) {
      const ids = await findPhotosOnlyIn(db, userId, albumId, photosAtOnce);
      const changed = await changes.changeMany(userId, ids, patch);
      photos += changed.length;
      more = changed.length > 0;
    }
    return photos;
  }

  return {
    async delete(userId, albumId, fate) {
      const id = parseAlbumId(albumId);
      const album = await visibleAlbum(db, userId, id);
      if (!album) throw albumNotFound();
      if (album.role !== "owner") throw albumRoleRequired();
      const photos = fate === "keep" ? 0 : await changePhotos(userId, id, patches[fate]);
      const deleted = await withOutbox(db, relay, async (trx) => {
        await lockTree(trx, userId);
        // The photos of the owner leave with the album that is said to be gone; others hear of theirs.
        await announceMoves(trx, userId, await removeStrangers(trx, userId, id), "removed");
        const albums = await deleteAlbums(trx, userId, id);
        await announceDeleted(trx, albums);
        return albums.length;
      });
      if (deleted === 0) throw albumNotFound();
      return { albums: deleted, photos };
    },
  };
}
