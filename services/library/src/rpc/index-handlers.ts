import type { IdentityContext } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { toAlbumChanged } from "../album-events.ts";
import type { IndexListing } from "../index-listing.ts";
import { toPhotoChanged, toPhotoReady } from "../photo-facts.ts";
import type { IndexablePhoto } from "../store/index-photos.ts";

type Implementation = libraryV1.LibraryServiceImplementation<IdentityContext>;

/** The part of LibraryService from which the index is built anew. That only services call it is checked before. */
export function createIndexHandlers(
  listing: IndexListing,
): Pick<Implementation, "listPhotosForIndex" | "listAlbumsForIndex"> {
  return {
    async listPhotosForIndex(page) {
      const { photos, nextPageToken } = await listing.photos(page);
      return { photos: photos.map(toIndexableMessage), nextPageToken };
    },
    async listAlbumsForIndex(page) {
      const { albums, nextPageToken } = await listing.albums(page);
      return { albums: albums.map((album) => toAlbumChanged(album)), nextPageToken };
    },
  };
}

function toIndexableMessage(photo: IndexablePhoto): libraryV1.IndexablePhoto {
  const changed = photo.revision > 0 ? toPhotoChanged(photo) : undefined;
  return { ready: toPhotoReady(photo), changed, albumIds: photo.albumIds };
}
