import { type IdentityContext, requireUser } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { AlbumPhotosFate } from "../album-deletion.ts";
import { invalidAlbum } from "../album-errors.ts";
import type { AlbumPhotos } from "../album-photos.ts";
import type { AlbumPatch, Albums } from "../albums.ts";
import type { Sharing } from "../sharing.ts";
import type { AlbumView } from "../store/album-views.ts";
import { createLinkHandlers, type LinkHandlersOptions } from "./album-link-handlers.ts";

/** The rules behind the RPCs. */
export interface AlbumHandlersOptions extends LinkHandlersOptions {
  albums: Albums;
  photos: AlbumPhotos;
  sharing: Sharing;
}

type Implementation = libraryV1.AlbumServiceImplementation<IdentityContext>;

/** AlbumService over the rules. */
export function createAlbumHandlers(options: AlbumHandlersOptions): Implementation {
  const { albums, photos } = options;
  return {
    ...createLinkHandlers(options),
    ...createSharingHandlers(options),
    async createAlbum(request, { identity }) {
      return { album: toAlbumMessage(await albums.create(requireUser(identity), request)) };
    },
    async getAlbum({ albumId }, { identity }) {
      const { album, ancestors } = await albums.get(requireUser(identity), albumId);
      return { album: toAlbumMessage(album), ancestors: ancestors.map(toAlbumMessage) };
    },
    async listAlbums(page, { identity }) {
      const found = await albums.list(requireUser(identity), page);
      return { albums: found.albums.map(toAlbumMessage), nextPageToken: found.nextPageToken };
    },
    async updateAlbum(request, { identity }) {
      const album = await albums.update(requireUser(identity), request.albumId, patchOf(request));
      return { album: toAlbumMessage(album) };
    },
    async deleteAlbum({ albumId, photos: fate }, { identity }) {
      return albums.delete(requireUser(identity), albumId, parseFate(fate));
    },
    async addAlbumPhotos({ albumId, photoIds }, { identity }) {
      return { photoIds: await photos.add(requireUser(identity), albumId, photoIds) };
    },
    async removeAlbumPhotos({ albumId, photoIds }, { identity }) {
      return { photoIds: await photos.remove(requireUser(identity), albumId, photoIds) };
    },
  };
}

function createSharingHandlers({
  sharing,
}: AlbumHandlersOptions): Pick<Implementation, "shareAlbum" | "unshareAlbum" | "listAlbumShares"> {
  return {
    async shareAlbum({ albumId, userId, role }, { identity }) {
      return { share: await sharing.share(requireUser(identity), albumId, { userId, role }) };
    },
    async unshareAlbum({ albumId, userId }, { identity }) {
      await sharing.unshare(requireUser(identity), albumId, userId);
      return {};
    },
    async listAlbumShares({ albumId }, { identity }) {
      return { shares: await sharing.list(requireUser(identity), albumId) };
    },
  };
}

const patchable = ["name", "description", "parent_id", "cover_photo_id"];

/** Without a mask, the fields that say something are those to change (AIP-134). */
function patchOf(request: libraryV1.UpdateAlbumRequest): AlbumPatch {
  const { name, description, parentId, coverPhotoId } = request;
  const mask = request.updateMask ?? [];
  if (mask.some((path) => !patchable.includes(path))) {
    throw invalidAlbum([{ field: "update_mask", description: `may name ${patchable.join(", ")}` }]);
  }
  const selected = (path: string, value: string) => (mask.length > 0 ? mask.includes(path) : value !== "");
  return {
    ...(selected("name", name) ? { name } : {}),
    ...(selected("description", description) ? { description } : {}),
    ...(selected("parent_id", parentId) ? { parentId } : {}),
    ...(selected("cover_photo_id", coverPhotoId) ? { coverPhotoId } : {}),
  };
}

const { AlbumPhotosFate: Fate } = libraryV1;

function parseFate(fate: libraryV1.AlbumPhotosFate): AlbumPhotosFate {
  if (fate === Fate.ALBUM_PHOTOS_FATE_ARCHIVE) return "archive";
  if (fate === Fate.ALBUM_PHOTOS_FATE_TRASH) return "trash";
  if (fate === Fate.ALBUM_PHOTOS_FATE_KEEP || fate === Fate.ALBUM_PHOTOS_FATE_UNSPECIFIED) return "keep";
  throw invalidAlbum([{ field: "photos", description: "must be keep, archive or trash" }]);
}

function toAlbumMessage({ parentId, coverPhotoId, ...same }: AlbumView): libraryV1.Album {
  const { id, ownerId, name, description, photoCount, albumCount, role, createdAt, updatedAt } = same;
  return {
    id,
    ownerId,
    name,
    description,
    parentId: parentId ?? "",
    coverPhotoId: coverPhotoId ?? "",
    photoCount,
    albumCount,
    role,
    createdAt,
    updatedAt,
  };
}
