import { isDeletedOwner } from "@ocelli/chassis";
import { type Kysely, type Selectable, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** An upload as stored. */
export type StoredUpload = Selectable<LibraryTables["uploads"]>;

/** A new upload. */
export interface NewUpload {
  id: string;
  ownerId: string;
  filename: string;
  albumId: string | null;
  sizeBytes: number;
  lifetimeMs: number;
}

/** Whether an upload is still to come to an end. */
const isOpen = sql<boolean>`photo_id is null and failure_reason is null and expires_at > now()`;
const isFree = sql<boolean>`(lease_until is null or lease_until < now())`;

/** Opens an upload unless the owner is gone or has as many open as allowed. */
export async function insertUpload(
  db: Store,
  upload: NewUpload,
  maxOpen: number,
): Promise<StoredUpload | "owner-gone" | "too-many"> {
  return db.transaction().execute(async (trx) => {
    // Two that come at once are counted one after the other.
    await sql`select pg_advisory_xact_lock(hashtextextended(${`uploads ${upload.ownerId}`}, 0))`.execute(trx);
    if (await isDeletedOwner(trx, upload.ownerId)) return "owner-gone";
    const { open } = await trx
      .selectFrom("uploads")
      .select(sql<number>`count(*)::int`.as("open"))
      .where("owner_id", "=", upload.ownerId)
      .where(isOpen)
      .executeTakeFirstOrThrow();
    if (open >= maxOpen) return "too-many";
    return trx
      .insertInto("uploads")
      .values({
        id: upload.id,
        owner_id: upload.ownerId,
        filename: upload.filename,
        album_id: upload.albumId,
        size_bytes: upload.sizeBytes,
        expires_at: after(upload.lifetimeMs),
      })
      .returningAll()
      .executeTakeFirstOrThrow();
  });
}

/** One upload of an owner that has not expired. */
export async function findUpload(db: Store, ownerId: string, id: string): Promise<StoredUpload | undefined> {
  return db
    .selectFrom("uploads")
    .selectAll()
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .where("expires_at", ">", sql<Date>`now()`)
    .executeTakeFirst();
}

/** Takes an open upload for one that works on its file; undefined when it is not open, or taken. */
export async function leaseUpload(
  db: Store,
  ownerId: string,
  id: string,
  lease: { id: string; ms: number },
): Promise<StoredUpload | undefined> {
  return db
    .updateTable("uploads")
    .set({ lease_id: lease.id, lease_until: after(lease.ms) })
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .where(isOpen)
    .where(isFree)
    .returningAll()
    .executeTakeFirst();
}

/** Keeps a lease. @returns false when it was lost, or the upload is gone. */
export async function renewLease(db: Store, id: string, lease: { id: string; ms: number }): Promise<boolean> {
  const row = await db
    .updateTable("uploads")
    .set({ lease_until: after(lease.ms) })
    .where("id", "=", id)
    .where("lease_id", "=", lease.id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Gives a lease back. */
export async function releaseUpload(db: Store, id: string, leaseId: string): Promise<void> {
  await db
    .updateTable("uploads")
    .set({ lease_id: null, lease_until: null })
    .where("id", "=", id)
    .where("lease_id", "=", leaseId)
    .execute();
}

/** Says how far an upload has come; it lives on from now. @returns false when the lease was lost. */
export async function saveOffset(
  db: Store,
  id: string,
  leaseId: string,
  { offset, lifetimeMs }: { offset: number; lifetimeMs: number },
): Promise<boolean> {
  const row = await db
    .updateTable("uploads")
    .set({ offset_bytes: offset, expires_at: after(lifetimeMs) })
    .where("id", "=", id)
    .where("lease_id", "=", leaseId)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** How an upload ended. */
export type UploadEnding =
  | { photo_id: string; duplicate: boolean }
  | { failure_reason: string; failure_message: string };

/** Says how an upload ended. */
export async function endUpload(db: Store, id: string, leaseId: string, ending: UploadEnding): Promise<void> {
  await db.updateTable("uploads").set(ending).where("id", "=", id).where("lease_id", "=", leaseId).execute();
}

/** Drops an upload; whoever works on it notices. @returns whether there was one. */
export async function deleteUpload(db: Store, ownerId: string, id: string): Promise<boolean> {
  const row = await db
    .deleteFrom("uploads")
    .where("owner_id", "=", ownerId)
    .where("id", "=", id)
    .returning("id")
    .executeTakeFirst();
  return row !== undefined;
}

/** Drops what nobody went on with. @returns how many. */
export async function deleteExpiredUploads(db: Store): Promise<number> {
  const rows = await db
    .deleteFrom("uploads")
    .where("expires_at", "<", sql<Date>`now()`)
    .where(isFree)
    .returning("id")
    .execute();
  return rows.length;
}

/** Those of the given ids that are uploads with bytes to keep. */
export async function findUploadsWithBytes(db: Store, ids: readonly string[]): Promise<Set<string>> {
  const rows = await db
    .selectFrom("uploads")
    .select("id")
    .where("id", "=", sql<string>`any(${[...ids]}::uuid[])`)
    .where("photo_id", "is", null)
    .where("failure_reason", "is", null)
    .execute();
  return new Set(rows.map(({ id }) => id));
}

function after(ms: number) {
  return sql<Date>`now() + ${`${Math.round(ms)} milliseconds`}::interval`;
}
