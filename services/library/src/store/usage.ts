import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** What an owner's photos take, and what was set for this owner; null where the installation's default holds. */
export interface StoredUsage {
  photos: number;
  /** Bytes of originals. */
  bytes: number;
  maxPhotos: number | null;
  maxBytes: number | null;
}

const columns = ["photos", "bytes", "max_photos as maxPhotos", "max_bytes as maxBytes"] as const;

/** The usage of an owner; undefined for who has neither photos nor a quota. */
export async function findUsage(db: Store, ownerId: string): Promise<StoredUsage | undefined> {
  return db.selectFrom("owner_usage").select(columns).where("owner_id", "=", ownerId).executeTakeFirst();
}

/**
 * Counts a photo and answers the new usage. Until the transaction ends, other uploads of the owner wait here, so that
 * what the answer allows is allowed: roll back when it is too much.
 */
export async function countPhoto(trx: Store, ownerId: string, sizeBytes: number): Promise<StoredUsage> {
  return trx
    .insertInto("owner_usage")
    .values({ owner_id: ownerId, photos: 1, bytes: sizeBytes })
    .onConflict((conflict) =>
      conflict.column("owner_id").doUpdateSet({
        photos: sql<number>`owner_usage.photos + 1`,
        bytes: sql<number>`owner_usage.bytes + excluded.bytes`,
      }),
    )
    .returning(columns)
    .executeTakeFirstOrThrow();
}

/** Sets what an owner may have; null for the installation's default. */
export async function saveQuota(
  trx: Store,
  ownerId: string,
  quota: Pick<StoredUsage, "maxPhotos" | "maxBytes">,
): Promise<StoredUsage> {
  const values = { max_photos: quota.maxPhotos, max_bytes: quota.maxBytes };
  return trx
    .insertInto("owner_usage")
    .values({ owner_id: ownerId, ...values })
    .onConflict((conflict) => conflict.column("owner_id").doUpdateSet(values))
    .returning(columns)
    .executeTakeFirstOrThrow();
}
