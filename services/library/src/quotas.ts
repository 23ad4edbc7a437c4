import { type AppError, type Database, isDeletedOwner, notFound, tooLarge } from "@ocelli/chassis";
import type { LibraryTables } from "./store/tables.ts";
import { findUsage, type StoredUsage, saveQuota } from "./store/usage.ts";

/** What an owner's photos take, and how much they may take; limits of 0 mean unlimited. */
export interface Usage {
  photos: number;
  /** Bytes of originals. */
  bytes: number;
  maxPhotos: number;
  maxBytes: number;
}

/** How much a user's photos may take: a part that is absent falls back to the default, 0 is unlimited. */
export interface Quota {
  photos?: number | undefined;
  bytes?: number | undefined;
}

/** Limits for who has none of his own; 0 is unlimited. */
export interface QuotaDefaults {
  quotaPhotos: number;
  quotaBytes: number;
}

/** How much photos take and may take. */
export interface Quotas {
  usageOf(ownerId: string): Promise<Usage>;
  /** What is stored already stays. @throws AppError NOT_FOUND/USER_NOT_FOUND for a deleted user. */
  set(ownerId: string, quota: Quota): Promise<Usage>;
  /** The usage with the limits in force. */
  inForce(stored: StoredUsage): Usage;
}

/** Creates the quota rules of a library. */
export function createQuotas(options: {
  database: Database<LibraryTables>;
  defaults: QuotaDefaults;
}): Quotas {
  const { db } = options.database;
  const { quotaPhotos, quotaBytes } = options.defaults;

  const inForce = ({ maxPhotos, maxBytes, ...taken }: StoredUsage): Usage => ({
    ...taken,
    maxPhotos: maxPhotos ?? quotaPhotos,
    maxBytes: maxBytes ?? quotaBytes,
  });

  return {
    inForce,
    async usageOf(ownerId) {
      return inForce((await findUsage(db, ownerId)) ?? nothing);
    },
    async set(ownerId, quota) {
      const limits = { maxPhotos: quota.photos ?? null, maxBytes: quota.bytes ?? null };
      return db.transaction().execute(async (trx) => {
        if (await isDeletedOwner(trx, ownerId)) throw notFound("USER_NOT_FOUND", "There is no such user.");
        return inForce(await saveQuota(trx, ownerId, limits));
      });
    },
  };
}

/** True when the photos that are counted are more than allowed. */
export function isOver({ photos, bytes, maxPhotos, maxBytes }: Usage): boolean {
  return (maxPhotos > 0 && photos > maxPhotos) || (maxBytes > 0 && bytes > maxBytes);
}

/** True when one more photo of this size would be allowed. */
export function fits(usage: Usage, sizeBytes: number): boolean {
  return !isOver({ ...usage, photos: usage.photos + 1, bytes: usage.bytes + sizeBytes });
}

/**
 * Bytes beyond which a body can be refused while it arrives: too much for a new photo, and too much to be one of those
 * that are stored, which would cost nothing.
 */
export function largestBody({ bytes, maxBytes }: Usage): number {
  return maxBytes > 0 ? Math.max(bytes, maxBytes - bytes) : Number.POSITIVE_INFINITY;
}

/** RESOURCE_EXHAUSTED/QUOTA_EXCEEDED; no time after which to try again would be true. */
export function quotaExceeded(): AppError {
  return tooLarge("QUOTA_EXCEEDED", "The photo does not fit into your quota; delete photos or ask for more.");
}

const nothing: StoredUsage = { photos: 0, bytes: 0, maxPhotos: null, maxBytes: null };
