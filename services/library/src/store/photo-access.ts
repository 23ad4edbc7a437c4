import { type Kysely, sql } from "kysely";
import { chainOf } from "./albums.ts";
import type { LibraryTables } from "./tables.ts";

/** A photo that a user may read. */
export interface ReadablePhoto {
  id: string;
  ownerId: string;
}

/**
 * The photo, when it is the user's own, or lies in an album of the user's or shared with the user and is neither hidden
 * nor in the trash; undefined alike for unknown photos and those of others. The one place that decides it. `photoId`
 * must be a UUID.
 */
export async function readablePhoto(
  db: Kysely<LibraryTables>,
  userId: string,
  photoId: string,
): Promise<ReadablePhoto | undefined> {
  const { rows } = await sql<ReadablePhoto>`
    with recursive chain as (${chainOf(sql`a.id in (
      select ap.album_id from library.album_photos ap where ap.photo_id = ${photoId}
    )`)})
    select p.id, p.owner_id as "ownerId" from library.photos p
    where p.id = ${photoId}
      and not exists (select from library.deleted_owners d where d.user_id = p.owner_id)
      and (p.owner_id = ${userId} or not p.hidden and p.trashed_at is null and exists (
        select from chain
        where not exists (select from library.deleted_owners d where d.user_id = chain.owner_id)
          and (chain.owner_id = ${userId} or exists (
            select from library.album_shares s where s.album_id = chain.id and s.user_id = ${userId}
          ))
      ))`.execute(db);
  return rows[0];
}
