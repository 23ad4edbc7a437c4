import {
  type AppError,
  type Database,
  failedPrecondition,
  invalidArgument,
  isDeletedOwner,
  isUuid,
  notFound,
  type Relay,
  withOutbox,
} from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { albumNotFound, albumRoleRequired } from "./album-errors.ts";
import { announceMoves } from "./album-events.ts";
import { parseAlbumId, parseSharedRole } from "./album-input.ts";
import { accountDeleted } from "./photo-records.ts";
import { withdrawStrangers } from "./store/album-photos.ts";
import { type AlbumShare, deleteShare, listShares, saveShare } from "./store/album-shares.ts";
import { lockTree } from "./store/album-tree.ts";
import { visibleAlbum } from "./store/albums.ts";
import type { LibraryTables } from "./store/tables.ts";

/** Rules of sharing albums with other users; errors about the album as of `Albums`. */
export interface Sharing {
  /**
   * Shares an album and those below it with a user, or changes the role.
   * @throws AppError INVALID_ARGUMENT/INVALID_SHARE, NOT_FOUND/USER_NOT_FOUND, FAILED_PRECONDITION/TOO_MANY_SHARES.
   */
  share(ownerId: string, albumId: string, request: { userId: string; role: string }): Promise<AlbumShare>;
  /**
   * Ends it, which takes the photos of that user out where they are not seen any more; users may end it for themselves.
   * @throws AppError NOT_FOUND/SHARE_NOT_FOUND.
   */
  unshare(callerId: string, albumId: string, userId: string): Promise<void>;
  /** For the owner. */
  list(ownerId: string, albumId: string): Promise<AlbumShare[]>;
}

const maxShares = 200;

/** Creates {@link Sharing}. */
export function createSharing({
  database: { db },
  relay,
  now,
}: {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  now: () => Date;
}): Sharing {
  async function endIn(trx: Transaction<LibraryTables>, callerId: string, albumId: string, userId: string) {
    const found = await visibleAlbum(trx, callerId, albumId);
    if (!found) throw albumNotFound();
    if (found.role !== "owner" && callerId !== userId) throw albumRoleRequired();
    await lockTree(trx, found.ownerId);
    if (!isUuid(userId) || !(await deleteShare(trx, albumId, userId))) throw shareNotFound();
    const withdrawn = await withdrawStrangers(trx, found.ownerId, albumId);
    await announceMoves(trx, found.ownerId, withdrawn, "removed");
  }

  return {
    async share(ownerId, albumId, request) {
      const id = parseAlbumId(albumId);
      const { userId, role } = parseShare(ownerId, request);
      return db.transaction().execute(async (trx) => {
        await lockOwners(trx, ownerId, userId);
        await lockTree(trx, ownerId);
        const album = await visibleAlbum(trx, ownerId, id);
        if (!album) throw albumNotFound();
        if (album.role !== "owner") throw albumRoleRequired();
        const share = { albumId: id, ownerId, userId, role, createdAt: now() };
        const saved = await saveShare(trx, share, maxShares);
        if (!saved) throw tooManyShares();
        return saved;
      });
    },
    async unshare(callerId, albumId, userId) {
      const id = parseAlbumId(albumId);
      await withOutbox(db, relay, (trx) => endIn(trx, callerId, id, userId));
    },
    async list(ownerId, albumId) {
      const id = parseAlbumId(albumId);
      const album = await visibleAlbum(db, ownerId, id);
      if (!album) throw albumNotFound();
      if (album.role !== "owner") throw albumRoleRequired();
      return listShares(db, ownerId, id);
    },
  };
}

/** Neither can be marked deleted until the transaction ends. In the order of ids, so that two never wait for each other. */
async function lockOwners(trx: Transaction<LibraryTables>, ownerId: string, userId: string): Promise<void> {
  for (const id of [ownerId, userId].sort()) {
    if (await isDeletedOwner(trx, id)) throw id === ownerId ? accountDeleted() : userNotFound();
  }
}

function parseShare(ownerId: string, { userId, role }: { userId: string; role: string }) {
  const parsed = { userId, role: parseSharedRole(role) };
  if (!isUuid(userId)) throw userNotFound();
  if (userId !== ownerId) return parsed;
  throw invalidArgument("INVALID_SHARE", "An album cannot be shared with its owner.", [
    { field: "user_id", description: "must be another user" },
  ]);
}

function userNotFound(): AppError {
  return notFound("USER_NOT_FOUND", "There is no such account.");
}

function shareNotFound(): AppError {
  return notFound("SHARE_NOT_FOUND", "The album is not shared with this user.");
}

function tooManyShares(): AppError {
  return failedPrecondition("TOO_MANY_SHARES", `An album may be shared with at most ${maxShares} users.`);
}
