import { appendEvents } from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import type { MovedPhoto } from "./store/album-photos.ts";
import { type RevisedAlbum, reviseAlbums } from "./store/album-revisions.ts";
import type { LibraryTables } from "./store/tables.ts";

type Store = Kysely<LibraryTables>;

/** Photos that one `library.album.filled` names. */
const photosPerEvent = 500;

/** `library.album.changed`, as it is sent and listed for the index. */
export function toAlbumChanged(album: RevisedAlbum, deleted = false): eventsV1.AlbumChanged {
  const { id: albumId, ownerId, name, revision } = album;
  return { albumId, ownerId, name, deleted, revision };
}

/** Says that an album was made or renamed, in the transaction of the change. */
export async function announceAlbum(trx: Store, ownerId: string, albumId: string): Promise<void> {
  const albums = await reviseAlbums(trx, ownerId, [albumId]);
  await appendEvents(
    trx,
    events.albumChanged,
    albums.map((album) => toAlbumChanged(album)),
  );
}

/** Says that albums are gone, in the transaction that deleted them. */
export async function announceDeleted(trx: Store, albums: readonly RevisedAlbum[]): Promise<void> {
  await appendEvents(
    trx,
    events.albumChanged,
    albums.map((album) => toAlbumChanged(album, true)),
  );
}

/**
 * Says which photos came into albums of an owner or out of them, in the transaction of the change. The owners of photos
 * find their own only, so each of them is told of theirs.
 */
export async function announceMoves(
  trx: Store,
  albumOwnerId: string,
  moved: readonly MovedPhoto[],
  how: "added" | "removed",
): Promise<void> {
  if (moved.length === 0) return;
  const byAlbum = Map.groupBy(moved, ({ albumId }) => albumId);
  const albums = await reviseAlbums(trx, albumOwnerId, [...byAlbum.keys()]);
  const messages = albums.flatMap(({ id, revision }) =>
    [...Map.groupBy(byAlbum.get(id) ?? [], ({ ownerId }) => ownerId)].flatMap(([ownerId, photos]) =>
      inPieces(photos.map(({ photoId }) => photoId)).map((photoIds) => ({
        albumId: id,
        ownerId,
        addedPhotoIds: how === "added" ? photoIds : [],
        removedPhotoIds: how === "removed" ? photoIds : [],
        revision,
      })),
    ),
  );
  await appendEvents(trx, events.albumPhotosChanged, messages);
}

function inPieces(ids: readonly string[]): string[][] {
  const pieces: string[][] = [];
  for (let start = 0; start < ids.length; start += photosPerEvent) {
    pieces.push(ids.slice(start, start + photosPerEvent));
  }
  return pieces;
}
