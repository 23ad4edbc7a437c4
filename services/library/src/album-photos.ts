import { type Database, isDeletedOwner, type Relay, withOutbox } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { albumNotFound, albumRoleRequired } from "./album-errors.ts";
import { announceMoves } from "./album-events.ts";
import { parseAlbumId, parsePhotoIds } from "./album-input.ts";
import { accountDeleted } from "./photo-records.ts";
import { addPhotos, removePhotos } from "./store/album-photos.ts";
import { holdTree } from "./store/album-tree.ts";
import { type VisibleAlbum, visibleAlbum } from "./store/albums.ts";
import type { LibraryTables } from "./store/tables.ts";

/** Rules of what lies in albums; errors as of `Albums`. */
export interface AlbumPhotos {
  /**
   * Puts photos of the user's own in, as owner or contributor; photos of others and in the trash are passed over.
   * @returns those that are in it now. @throws AppError INVALID_ARGUMENT/INVALID_PHOTO_IDS.
   */
  add(userId: string, albumId: string, photoIds: readonly string[]): Promise<string[]>;
  /**
   * Takes photos out: its owner any, everybody else to whom it is shown their own.
   * @returns those taken out. @throws AppError INVALID_ARGUMENT/INVALID_PHOTO_IDS.
   */
  remove(userId: string, albumId: string, photoIds: readonly string[]): Promise<string[]>;
  /** Asks before an upload whether its photo may go into an album; empty is no album. @returns the album's id. */
  checkUpload(userId: string, albumId: string): Promise<string | undefined>;
  /** Puts a photo in as part of the transaction that stores it. */
  addIn(trx: Transaction<LibraryTables>, userId: string, albumId: string, photoId: string): Promise<void>;
}

/** Creates {@link AlbumPhotos}. */
export function createAlbumPhotos({
  database: { db },
  relay,
  now,
}: {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  now: () => Date;
}): AlbumPhotos {
  /** Nobody's role changes, and the album stays, until the transaction ends. */
  async function admit(
    trx: Transaction<LibraryTables>,
    userId: string,
    albumId: string,
  ): Promise<VisibleAlbum> {
    const found = await visibleAlbum(trx, userId, albumId);
    if (!found) throw albumNotFound();
    await holdTree(trx, found.ownerId);
    // A statement of its own: it sees what was committed while this one waited.
    const album = await visibleAlbum(trx, userId, albumId);
    if (!album) throw albumNotFound();
    return album;
  }

  async function addAs(trx: Transaction<LibraryTables>, userId: string, albumId: string, ids: string[]) {
    const album = await admit(trx, userId, albumId);
    if (album.role === "viewer") throw albumRoleRequired();
    const photos = await addPhotos(trx, { albumId, userId, photoIds: ids }, now());
    const added = photos.filter(({ isNew }) => isNew);
    const moved = added.map(({ id: photoId }) => ({ albumId, photoId, ownerId: userId }));
    await announceMoves(trx, album.ownerId, moved, "added");
    return photos.map(({ id }) => id);
  }

  return {
    async add(userId, albumId, photoIds) {
      const [id, ids] = [parseAlbumId(albumId), parsePhotoIds(photoIds)];
      return withOutbox(db, relay, async (trx) => {
        if (await isDeletedOwner(trx, userId)) throw accountDeleted();
        return addAs(trx, userId, id, ids);
      });
    },
    async remove(userId, albumId, photoIds) {
      const [id, ids] = [parseAlbumId(albumId), parsePhotoIds(photoIds)];
      return withOutbox(db, relay, async (trx) => {
        const { role, ownerId } = await admit(trx, userId, id);
        const content = { albumId: id, photoIds: ids, ofOwner: role === "owner" ? undefined : userId };
        const removed = await removePhotos(trx, content, now());
        await announceMoves(trx, ownerId, removed, "removed");
        return removed.map(({ photoId }) => photoId);
      });
    },
    async checkUpload(userId, albumId) {
      if (albumId === "") return undefined;
      const id = parseAlbumId(albumId);
      const album = await visibleAlbum(db, userId, id);
      if (!album) throw albumNotFound();
      if (album.role === "viewer") throw albumRoleRequired();
      return id;
    },
    async addIn(trx, userId, albumId, photoId) {
      await addAs(trx, userId, albumId, [photoId]);
    },
  };
}
