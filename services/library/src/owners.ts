import { type Database, deleteOwnedRows, type OwnerToDelete, type Relay, withOutbox } from "@ocelli/chassis";
import { announceMoves } from "./album-events.ts";
import type { LooseBlobs } from "./loose-blobs.ts";
import { removeSomeStrangers } from "./store/album-photos.ts";
import { deleteSharesWith } from "./store/album-shares.ts";
import { lockTree } from "./store/album-tree.ts";
import { deletePhotosOf } from "./store/owners.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link forgetOwner} stands on. */
export interface ForgetOwnerOptions {
  database: Database<LibraryTables>;
  relay: Pick<Relay, "kick">;
  loose: LooseBlobs;
}

/** Deliveries and entries before what they belong to. */
const feedTables = ["webhook_deliveries", "webhooks", "feed", "feed_heads"];

const albumTables = ["link_visits", "album_links", "album_shares", "album_photos", "albums"];

const jobTables = ["job_stages", "job_items", "jobs"];

const accountTables = ["uploads", "owner_usage", "disabled_owners"];

// Bounds the locks of one transaction: each photo's bytes are locked, in a table that all sessions share.
const photosAtOnce = 200;
const strangersAtOnce = 500;

/**
 * Deletes everything of an owner who is marked deleted: photos, stages, usage, and bytes that no other owner has too.
 * Rows go first and files after the commit, so that no photo ever lacks its files; may be repeated at any point.
 * No event is sent of the owner's own: whoever keeps something of these photos hears of the user. Others hear that their
 * photos are not in albums of the owner any more.
 */
export async function forgetOwner(
  { database: { db }, relay, loose }: ForgetOwnerOptions,
  owner: OwnerToDelete,
): Promise<void> {
  for (let more = true; more; ) {
    owner.signal.throwIfAborted();
    const deleted = await db.transaction().execute((trx) => deletePhotosOf(trx, owner.ownerId, photosAtOnce));
    more = deleted > 0;
  }
  for (let more = true; more; ) {
    owner.signal.throwIfAborted();
    more = await withOutbox(db, relay, async (trx) => {
      await lockTree(trx, owner.ownerId);
      const removed = await removeSomeStrangers(trx, owner.ownerId, strangersAtOnce);
      await announceMoves(trx, owner.ownerId, removed, "removed");
      return removed.length > 0;
    });
  }
  await deleteOwnedRows(db, [...feedTables, ...albumTables, ...jobTables, ...accountTables], owner);
  await deleteSharesWith(db, owner.ownerId);
  await loose.sweep(owner.signal);
}
