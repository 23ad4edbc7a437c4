import { type Kysely, sql } from "kysely";
import { subtreeOf } from "./album-tree.ts";
import { chainOf } from "./albums.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** Photos of a user and the album they go into or come out of. */
export interface AlbumContent {
  albumId: string;
  userId: string;
  photoIds: readonly string[];
}

/**
 * Puts those of the photos that are the user's, and not in the trash, into an album.
 * @returns those that are in it now, whenever they came.
 */
export async function addPhotos(trx: Store, content: AlbumContent, at: Date): Promise<string[]> {
  const { albumId, userId, photoIds } = content;
  const { rows } = await sql<{ id: string }>`
    with own as (
      select p.id from library.photos p
      where p.owner_id = ${userId} and p.id = ${anyOf(photoIds)} and p.trashed_at is null
      order by p.id for key share
    ), added as (
      insert into library.album_photos (album_id, photo_id, owner_id, added_at)
      select ${albumId}, own.id, ${userId}, ${at} from own
      on conflict (album_id, photo_id) do nothing returning photo_id
    ), touched as (
      update library.albums set updated_at = ${at} where id = ${albumId} and exists (select from added)
    )
    select id from own order by id`.execute(trx);
  return rows.map(({ id }) => id);
}

/** Takes photos out of an album, those of `ofOwner` only where that is given. @returns those that were in it. */
export async function removePhotos(
  trx: Store,
  content: Omit<AlbumContent, "userId"> & { ofOwner: string | undefined },
  at: Date,
): Promise<string[]> {
  const { albumId, photoIds, ofOwner } = content;
  const whose = ofOwner === undefined ? sql`` : sql`and owner_id = ${ofOwner}`;
  const { rows } = await sql<{ id: string }>`
    with removed as (
      delete from library.album_photos where album_id = ${albumId} and photo_id = ${anyOf(photoIds)} ${whose}
      returning photo_id
    ), touched as (
      update library.albums set updated_at = ${at} where id = ${albumId} and exists (select from removed)
    )
    select photo_id as id from removed order by id`.execute(trx);
  return rows.map(({ id }) => id);
}

/**
 * Takes the photos of users who may not see them any more out of an album and those below it: nobody's photos stay where
 * their owner cannot take them back.
 */
export async function withdrawStrangers(trx: Store, ownerId: string, albumId: string): Promise<void> {
  await sql`
    with recursive ${subtreeOf(ownerId, albumId)},
      chain as (${chainOf(sql`a.id in (select subtree.id from subtree)`)})
    delete from library.album_photos ap
    where ap.album_id in (select id from subtree) and ap.owner_id <> ${ownerId} and not exists (
      select from chain join library.album_shares s on s.album_id = chain.id
      where chain.album_id = ap.album_id and s.user_id = ap.owner_id
    )`.execute(trx);
}

function anyOf(ids: readonly string[]) {
  return sql`any(${[...ids]}::uuid[])`;
}
