import { type Kysely, sql } from "kysely";
import type { SharedRole } from "./album-tables.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** A user an album is shared with. */
export interface AlbumShare {
  userId: string;
  role: SharedRole;
  createdAt: Date;
}

/** A share to store. */
export interface NewShare extends AlbumShare {
  albumId: string;
  /** Owner of the album. */
  ownerId: string;
}

/** Shares an album or changes the role; undefined when it has `limit` others already. */
export async function saveShare(trx: Store, share: NewShare, limit: number): Promise<AlbumShare | undefined> {
  const { albumId, ownerId, userId, role, createdAt } = share;
  const { rows } = await sql<AlbumShare>`
    insert into library.album_shares (album_id, owner_id, user_id, role, created_at)
    select ${albumId}::uuid, ${ownerId}::uuid, ${userId}::uuid, ${role}::text, ${createdAt}::timestamptz
    where (select count(*) from library.album_shares s where s.album_id = ${albumId} and s.user_id <> ${userId}) < ${limit}
    on conflict (album_id, user_id) do update set role = excluded.role
    returning user_id as "userId", role, created_at as "createdAt"`.execute(trx);
  return rows[0];
}

/** Ends a share; false when there is none. */
export async function deleteShare(trx: Store, albumId: string, userId: string): Promise<boolean> {
  const { numDeletedRows } = await trx
    .deleteFrom("album_shares")
    .where("album_id", "=", albumId)
    .where("user_id", "=", userId)
    .executeTakeFirstOrThrow();
  return numDeletedRows > 0n;
}

/** Users an owner's album is shared with, who came first first. */
export async function listShares(db: Store, ownerId: string, albumId: string): Promise<AlbumShare[]> {
  return db
    .selectFrom("album_shares")
    .select(["user_id as userId", "role", "created_at as createdAt"])
    .where("album_id", "=", albumId)
    .where("owner_id", "=", ownerId)
    .orderBy("created_at")
    .orderBy("user_id")
    .execute();
}

/** Deletes what others shared with a user who is gone; few, since nobody is given many albums. */
export async function deleteSharesWith(db: Store, userId: string): Promise<void> {
  await db.deleteFrom("album_shares").where("user_id", "=", userId).execute();
}
