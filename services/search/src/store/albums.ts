import { type Kysely, sql } from "kysely";
import type { SearchTables } from "./tables.ts";

/** An album as the library says. */
export interface AlbumRow {
  album_id: string;
  owner_id: string;
  name: string;
  deleted: boolean;
  revision: number;
}

/** Photos that were put into an album or taken out of it. */
export interface AlbumPhotos {
  albumId: string;
  ownerId: string;
  photoIds: readonly string[];
  /** Whether they are in it now. */
  present: boolean;
  revision: number;
}

/** Writes down what an album is, unless something newer is known; a deleted one loses its name and its photos. */
export async function saveAlbum(trx: Kysely<SearchTables>, album: AlbumRow): Promise<void> {
  const row = album.deleted ? { ...album, name: "" } : album;
  const saved = await trx
    .insertInto("albums")
    .values(row)
    .onConflict((conflict) =>
      conflict
        .column("album_id")
        .doUpdateSet(row)
        .where("albums.owner_id", "=", album.owner_id)
        .where("albums.revision", "<", album.revision),
    )
    .returning("album_id")
    .executeTakeFirst();
  if (!saved || !album.deleted) return;
  await trx
    .deleteFrom("document_albums")
    .where("album_id", "=", album.album_id)
    .where("owner_id", "=", album.owner_id)
    .execute();
}

/**
 * Writes down what is in an album, photo by photo where nothing newer is known. `ownerId` is the owner of the photos, who
 * need not own the album.
 */
export async function saveAlbumPhotos(
  trx: Kysely<SearchTables>,
  { albumId, ownerId, photoIds, present, revision }: AlbumPhotos,
): Promise<void> {
  if (photoIds.length === 0) return;
  await sql`
    insert into search.document_albums (album_id, photo_id, owner_id, present, revision)
    select ${albumId}, said.photo_id, ${ownerId}, ${present}, ${revision}
    from unnest(${[...photoIds]}::uuid[]) as said(photo_id)
    where not exists (
      select from search.documents d
      where d.photo_id = said.photo_id and (d.deleted or d.owner_id <> ${ownerId})
    )
    and not exists (select from search.albums a where a.album_id = ${albumId} and a.deleted)
    order by 2
    on conflict (album_id, photo_id) do update set present = excluded.present, revision = excluded.revision
    where document_albums.owner_id = excluded.owner_id and document_albums.revision < excluded.revision`.execute(
    trx,
  );
}
