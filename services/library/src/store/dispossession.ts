import { type Kysely, sql, type Transaction } from "kysely";
import { type MovedPhoto, withdrawStrangers } from "./album-photos.ts";
import { lockTree } from "./album-tree.ts";
import type { LibraryTables } from "./tables.ts";

/** Whose things, and since when they stay. */
export interface Dispossession {
  ownerId: string;
  /** What was made later is the new owner's. */
  until: Date;
}

/**
 * Deletes some public links of an owner with their visits, or some webhooks with their deliveries.
 * @returns how many; 0 when none are left.
 */
export async function deleteMade(
  db: Kysely<LibraryTables>,
  table: "album_links" | "webhooks",
  { ownerId, until }: Dispossession,
  limit: number,
): Promise<number> {
  const { numAffectedRows = 0n } = await sql`
    delete from ${sql.table(`library.${table}`)} where id = any(array(
      select id from ${sql.table(`library.${table}`)}
      where owner_id = ${ownerId} and created_at <= ${until} limit ${limit}
    ))`.execute(db);
  return Number(numAffectedRows);
}

/** Drops uploads that have not become photos; whoever works on one notices. */
export async function deleteUnfinishedUploads(
  db: Kysely<LibraryTables>,
  { ownerId, until }: Dispossession,
): Promise<void> {
  await db
    .deleteFrom("uploads")
    .where("owner_id", "=", ownerId)
    .where("created_at", "<=", until)
    .where("photo_id", "is", null)
    .execute();
}

/**
 * Ends some shares that an owner gave; what those users put into his albums goes back to them.
 * @returns how many, 0 when none are left, and the photos taken out.
 */
export async function endSharesGiven(
  trx: Transaction<LibraryTables>,
  { ownerId, until }: Dispossession,
  limit: number,
): Promise<{ ended: number; removed: MovedPhoto[] }> {
  await lockTree(trx, ownerId);
  const { rows } = await sql<{ albumId: string }>`
    delete from library.album_shares where ctid = any(array(
      select ctid from library.album_shares where owner_id = ${ownerId} and created_at <= ${until} limit ${limit}
    ))
    returning album_id as "albumId"`.execute(trx);
  const removed: MovedPhoto[] = [];
  for (const albumId of new Set(rows.map((row) => row.albumId))) {
    removed.push(...(await withdrawStrangers(trx, ownerId, albumId)));
  }
  return { ended: rows.length, removed };
}
