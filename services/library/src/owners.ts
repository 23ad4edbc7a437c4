import { type Database, deleteOwnedRows, type OwnerToDelete } from "@ocelli/chassis";
import type { LooseBlobs } from "./loose-blobs.ts";
import { deleteSharesWith } from "./store/album-shares.ts";
import { deletePhotosOf } from "./store/owners.ts";
import type { LibraryTables } from "./store/tables.ts";

/** What {@link forgetOwner} stands on. */
export interface ForgetOwnerOptions {
  database: Database<LibraryTables>;
  loose: LooseBlobs;
}

/** Deliveries and entries before what they belong to. */
const feedTables = ["webhook_deliveries", "webhooks", "feed", "feed_heads"];

/** Album photos of others go with their albums. */
const albumTables = ["link_visits", "album_links", "album_shares", "album_photos", "albums"];

const jobTables = ["job_stages", "job_items", "jobs"];

const accountTables = ["uploads", "owner_usage", "disabled_owners"];

// Bounds the locks of one transaction: each photo's bytes are locked, in a table that all sessions share.
const photosAtOnce = 200;

/**
 * Deletes everything of an owner who is marked deleted: photos, stages, usage, and bytes that no other owner has too.
 * Rows go first and files after the commit, so that no photo ever lacks its files; may be repeated at any point.
 * No event is sent: whoever keeps something of these photos hears of the user.
 */
export async function forgetOwner(
  { database: { db }, loose }: ForgetOwnerOptions,
  owner: OwnerToDelete,
): Promise<void> {
  for (let more = true; more; ) {
    owner.signal.throwIfAborted();
    const deleted = await db.transaction().execute((trx) => deletePhotosOf(trx, owner.ownerId, photosAtOnce));
    more = deleted > 0;
  }
  await deleteOwnedRows(db, [...feedTables, ...albumTables, ...jobTables, ...accountTables], owner);
  await deleteSharesWith(db, owner.ownerId);
  await loose.sweep(owner.signal);
}
