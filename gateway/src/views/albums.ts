import type { libraryV1 } from "@ocelli/contracts";
import { required } from "./required.ts";
import type { AlbumApiView, AlbumLinkView, AlbumShareView } from "./schemas-albums.ts";

/** An album as clients see it. */
export function toAlbumView(message: libraryV1.Album | undefined): AlbumApiView {
  const album = required(message, "album");
  return {
    id: album.id,
    ownerId: album.ownerId,
    name: album.name,
    description: album.description,
    parentId: album.parentId || null,
    coverPhotoId: album.coverPhotoId || null,
    photoCount: album.photoCount,
    albumCount: album.albumCount,
    role: album.role === "owner" ? "owner" : toSharedRole(album.role),
    createdAt: required(album.createdAt, "createdAt").toISOString(),
    updatedAt: required(album.updatedAt, "updatedAt").toISOString(),
  };
}

/** A share with the name of whom it is with. */
export function toShareView(message: libraryV1.AlbumShare | undefined, name: string | null): AlbumShareView {
  const share = required(message, "share");
  const createdAt = required(share.createdAt, "createdAt").toISOString();
  return { userId: share.userId, name, role: toSharedRole(share.role), createdAt };
}

/** A public link. */
export function toLinkView(message: libraryV1.AlbumLink | undefined): AlbumLinkView {
  const { id, hasPassword, originals, expiresAt, createdAt } = required(message, "link");
  return {
    id,
    hasPassword,
    originals,
    expiresAt: expiresAt?.toISOString() ?? null,
    createdAt: required(createdAt, "createdAt").toISOString(),
  };
}

/** What is not known to give more gives least. */
function toSharedRole(role: string): "contributor" | "viewer" {
  return role === "contributor" ? "contributor" : "viewer";
}
