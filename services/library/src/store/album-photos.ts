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

/** A photo that came into an album or out of it. */
export interface MovedPhoto {
  albumId: string;
  photoId: string;
  /** Owner of the photo. */
  ownerId: string;
}

/**
 * Puts those of the photos that are the user's, and not in the trash, into an album.
 * @returns those that are in it now, and whether they were not before.
 */
export async function addPhotos(
  trx: Store,
  content: AlbumContent,
  at: Date,
): Promise<{ id: string; isNew: boolean }[]> {
  const { albumId, userId, photoIds } = content;
  const { rows } = await sql<{ id: string; isNew: boolean }>`
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
    select id, exists (select from added where photo_id = own.id) as "isNew" from own order by id`.execute(
    trx,
  );
  return rows;
}

/** Takes photos out of an album, those of `ofOwner` only where that is given. @returns those that were in it. */
export async function removePhotos(
  trx: Store,
  content: Omit<AlbumContent, "userId"> & { ofOwner: string | undefined },
  at: Date,
): Promise<MovedPhoto[]> {
  const { albumId, photoIds, ofOwner } = content;
  const whose = ofOwner === undefined ? sql`` : sql`and owner_id = ${ofOwner}`;
  const { rows } = await sql<MovedPhoto>`
    with removed as (
      delete from library.album_photos where album_id = ${albumId} and photo_id = ${anyOf(photoIds)} ${whose}
      returning ${moved}
    ), touched as (
      update library.albums set updated_at = ${at} where id = ${albumId} and exists (select from removed)
    )
    select * from removed order by "photoId"`.execute(trx);
  return rows;
}

const moved = sql`album_id as "albumId", photo_id as "photoId", owner_id as "ownerId"`;

/**
 * Takes the photos of users who may not see them any more out of an album and those below it: nobody's photos stay where
 * their owner cannot take them back.
 * @returns those taken out.
 */
export async function withdrawStrangers(trx: Store, ownerId: string, albumId: string): Promise<MovedPhoto[]> {
  const { rows } = await sql<MovedPhoto>`
    with recursive ${subtreeOf(ownerId, albumId)},
      chain as (${chainOf(sql`a.id in (select subtree.id from subtree)`)})
    delete from library.album_photos ap
    where ap.album_id in (select id from subtree) and ap.owner_id <> ${ownerId} and not exists (
      select from chain join library.album_shares s on s.album_id = chain.id
      where chain.album_id = ap.album_id and s.user_id = ap.owner_id
    )
    returning ${moved}`.execute(trx);
  return rows;
}

/** Takes the photos of all others out of an album and those below it. @returns those taken out. */
export async function removeStrangers(trx: Store, ownerId: string, albumId: string): Promise<MovedPhoto[]> {
  const { rows } = await sql<MovedPhoto>`
    with recursive ${subtreeOf(ownerId, albumId)}
    delete from library.album_photos
    where album_id in (select id from subtree) and owner_id <> ${ownerId}
    returning ${moved}`.execute(trx);
  return rows;
}

/** Takes some photos of others out of all albums of an owner. @returns those taken out; none when none are left. */
export async function removeSomeStrangers(trx: Store, ownerId: string, limit: number): Promise<MovedPhoto[]> {
  const { rows } = await sql<MovedPhoto>`
    delete from library.album_photos where (album_id, photo_id) in (
      select ap.album_id, ap.photo_id
      from library.albums a join library.album_photos ap on ap.album_id = a.id and ap.owner_id <> a.owner_id
      where a.owner_id = ${ownerId} limit ${limit}
    )
    returning ${moved}`.execute(trx);
  return rows;
}

function anyOf(ids: readonly string[]) {
  return sql`any(${[...ids]}::uuid[])`;
}
