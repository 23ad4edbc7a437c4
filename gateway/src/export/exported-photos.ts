import type { RpcCallOptions } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { Clients } from "../clients.ts";
import type { AlbumFolders } from "./album-folders.ts";

/** A photo and the folder it goes to. */
export interface ExportedPhoto {
  photo: libraryV1.Photo;
  folder: string;
}

const pageSize = 200;
const { PHOTO_ORDER_ADDED_ASC } = libraryV1.PhotoOrder;

/**
 * Photos page by page, each once: those of an album and of the albums below it, or all of the caller's, hidden ones too;
 * what lies in the trash is left out. What is added meanwhile comes last.
 */
export async function* listExported(
  library: Pick<Clients["library"], "listPhotos">,
  folders: AlbumFolders,
  albumId: string | undefined,
  call: RpcCallOptions,
): AsyncGenerator<ExportedPhoto> {
  const seen = new Set<string>();
  async function* list(filter: Partial<libraryV1.PhotoFilter>): AsyncGenerator<libraryV1.Photo> {
    const request = {
      pageSize,
      filter: libraryV1.PhotoFilter.fromPartial(filter),
      order: PHOTO_ORDER_ADDED_ASC,
    };
    for (let pageToken = ""; ; ) {
      const page = await library.listPhotos({ ...request, pageToken }, call);
      for (const photo of page.photos) {
        if (seen.has(photo.id)) continue;
        seen.add(photo.id);
        yield photo;
      }
      pageToken = page.nextPageToken;
      if (pageToken === "") return;
    }
  }

  if (albumId === undefined) {
    for (const hidden of [false, true]) {
      for await (const photo of list({ hidden })) {
        const folder = photo.albumIds.map((id) => folders.get(id)).find((each) => each !== undefined);
        yield { photo, folder: folder ?? "photos" };
      }
    }
    return;
  }
  for (const [id, folder] of folders)
    for await (const photo of list({ albumId: id })) yield { photo, folder };
}
