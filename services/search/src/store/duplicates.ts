import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import { deleteDecisions } from "./duplicate-decisions.ts";
import { deletePairs } from "./duplicate-pairs.ts";
import { deletePicture } from "./duplicate-pictures.ts";
import type { SearchTables } from "./tables.ts";

/** What a group shows of a photo. */
export interface ComparablePhoto {
  photoId: string;
  sha256: string;
  /** Null for pictures of one tone. */
  hash: bigint | null;
  turned: bigint[];
  /** 0..1. */
  sharpness: number;
  /** Upright, in pixels; 0 while unknown. */
  width: number;
  height: number;
  /** Of the original; 0 while unknown. */
  sizeBytes: number;
}

/** What is known of photos of an owner that were looked at; in no order. */
export async function listComparablePhotos(
  db: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<ComparablePhoto[]> {
  const { rows } = await sql<
    Omit<ComparablePhoto, "hash" | "turned"> & { hash: string | null; turned: string[] }
  >`
    select p.photo_id as "photoId", p.sha256, p.hash::text as hash, p.turned::text[] as turned, p.sharpness,
           coalesce(d.width, 0) as width, coalesce(d.height, 0) as height,
           coalesce(d.size_bytes, 0)::float8 as "sizeBytes"
    from search.pictures p join search.documents d on d.photo_id = p.photo_id and d.owner_id = p.owner_id
    where p.owner_id = ${ownerId} and p.photo_id = any(${[...photoIds]}::uuid[])`.execute(db);
  return rows.map(({ hash, turned, ...rest }) => ({
    ...rest,
    hash: hash === null ? null : BigInt(hash),
    turned: turned.map(BigInt),
  }));
}

/** Forgets all that duplicates know of a photo. */
export async function deleteDuplicates(trx: Kysely<SearchTables>, photo: eventsV1.PhotoRef): Promise<void> {
  await deletePicture(trx, photo);
  await deletePairs(trx, photo);
  await deleteDecisions(trx, photo);
}
