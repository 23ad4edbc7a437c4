import { type Kysely, sql, type Transaction } from "kysely";
import { lockBytes } from "./loose-blobs.ts";
import type { LibraryTables } from "./tables.ts";

/**
 * Deletes some photos of an owner with their stages, and the images that nobody else has photos of; the files of these
 * become loose. All in the caller's transaction.
 * @returns how many photos; 0 when none are left.
 */
export async function deletePhotosOf(
  trx: Transaction<LibraryTables>,
  ownerId: string,
  limit: number,
): Promise<number> {
  const photos = await trx
    .selectFrom("photos")
    .select(["id", "sha256"])
    .where("owner_id", "=", ownerId)
    .orderBy("id")
    .limit(limit)
    .execute();
  if (photos.length === 0) return 0;
  const hashes = photos.map(({ sha256 }) => sha256);
  await lockBytes(trx, hashes);
  // Stages go with their photos.
  await trx
    .deleteFrom("photos")
    .where("id", "=", sql<string>`any(${photos.map(({ id }) => id)}::uuid[])`)
    .execute();
  await loosenUnused(trx, hashes);
  return photos.length;
}

/**
 * Deletes the images of some bytes unless somebody has photos of them; their files become loose. Call under
 * {@link lockBytes}, as a statement of its own: it must see what others stored before the locks were had.
 */
export async function loosenUnused(trx: Kysely<LibraryTables>, hashes: readonly string[]): Promise<void> {
  await sql`
    with unused as (
      delete from library.images i
      where sha256 = any(${[...hashes]}::text[])
        and not exists (select from library.photos p where p.sha256 = i.sha256)
      returning sha256
    )
    insert into library.loose_blobs (sha256, since) select sha256, '-infinity' from unused
    on conflict (sha256) do update set since = excluded.since`.execute(trx);
}
