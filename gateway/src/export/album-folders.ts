import type { RpcCallOptions } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { Clients } from "../clients.ts";
import { required } from "../views/required.ts";
import { createZipPaths, safeZipName } from "./zip-names.ts";

/** Folders of a zip by the id of their album. */
export type AlbumFolders = ReadonlyMap<string, string>;

const pageSize = 200;
// More than the service allows.
const maxDepth = 20;

/**
 * The folders of one album and those below it, or of all albums of the caller.
 * @throws AppError NOT_FOUND/ALBUM_NOT_FOUND.
 */
export async function readAlbumFolders(
  albums: Clients["albums"],
  albumId: string | undefined,
  call: RpcCallOptions,
): Promise<AlbumFolders> {
  const folders = new Map<string, string>();
  const unique = createZipPaths();

  async function add(album: libraryV1.Album, above: string, depth: number): Promise<void> {
    const path = unique(above, safeZipName(album.name, "album"));
    folders.set(album.id, path);
    if (album.albumCount > 0 && depth < maxDepth) await addBelow(album.id, path, depth + 1);
  }
  async function addBelow(parentId: string, above: string, depth: number): Promise<void> {
    for (let pageToken = ""; ; ) {
      const page = await albums.listAlbums({ pageSize, pageToken, parentId, shared: false }, call);
      for (const album of page.albums) await add(album, above, depth);
      pageToken = page.nextPageToken;
      if (pageToken === "") return;
    }
  }

  if (albumId === undefined) await addBelow("", "albums", 0);
  else await add(required((await albums.getAlbum({ albumId }, call)).album, "album"), "", 0);
  return folders;
}
