import type { eventsV1 } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import type { PhotoPair } from "./duplicate-pairs.ts";
import type { SearchTables } from "./tables.ts";

/** Remembers that photos are all to be kept: every pair of them. */
export async function keepPairs(
  trx: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<void> {
  await sql`
    insert into search.kept_duplicates (owner_id, photo_id, other_id)
    select ${ownerId}, a, b from unnest(${[...photoIds]}::uuid[]) a cross join unnest(${[...photoIds]}::uuid[]) b where a < b
    on conflict do nothing`.execute(trx);
}

/** Forgets it again, for the pairs among these photos. */
export async function unkeepPairs(
  trx: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<void> {
  await trx
    .deleteFrom("kept_duplicates")
    .where("owner_id", "=", ownerId)
    .where("photo_id", "in", [...photoIds])
    .where("other_id", "in", [...photoIds])
    .execute();
}

/** The pairs among these photos that are to be kept. */
export async function listKeptPairs(
  db: Kysely<SearchTables>,
  ownerId: string,
  photoIds: readonly string[],
): Promise<PhotoPair[]> {
  const { rows } = await sql<PhotoPair>`
    select photo_id as "photoId", other_id as "otherId" from search.kept_duplicates
    where owner_id = ${ownerId} and photo_id = any(${[...photoIds]}::uuid[]) and other_id = any(${[...photoIds]}::uuid[])`.execute(
    db,
  );
  return rows;
}

/** Forgets every decision about a photo. */
export async function deleteDecisions(trx: Kysely<SearchTables>, photo: eventsV1.PhotoRef): Promise<void> {
  await trx
    .deleteFrom("kept_duplicates")
    .where("owner_id", "=", photo.ownerId)
    .where(({ eb, or }) => or([eb("photo_id", "=", photo.photoId), eb("other_id", "=", photo.photoId)]))
    .execute();
}
