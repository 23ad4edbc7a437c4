import { type RawBuilder, sql } from "kysely";

/**
 * Ids of the albums of a user that hold a photo (`p`), oldest album first. By a subquery and no join, which might go
 * through all albums of the user for each photo.
 */
export function albumIdsOf(userId: string): RawBuilder<string[]> {
  return sql<string[]>`array(
    select ap.album_id::text from library.album_photos ap
    where ap.photo_id = p.id and (select a.owner_id from library.albums a where a.id = ap.album_id) = ${userId}
    order by ap.album_id)`;
}

/** True for photos (`p`) in an album; whether the reader may see the album is asked before. */
export function isInAlbum(albumId: string): RawBuilder<boolean> {
  return sql<boolean>`exists (
    select from library.album_photos ap where ap.album_id = ${albumId} and ap.photo_id = p.id)`;
}
