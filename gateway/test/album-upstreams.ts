import { libraryV1 } from "@ocelli/contracts";
import { type AccessWorld, answering, someId } from "./auth-upstreams.ts";
import { defaultUserId } from "./tokens.ts";

const at = new Date("2026-02-03T04:05:06Z");
const album = {
  id: someId,
  ownerId: defaultUserId,
  name: "Lisbon",
  role: "owner",
  createdAt: at,
  updatedAt: at,
};
const share = { userId: someId, role: "viewer", createdAt: at };
const link = { id: someId, albumId: someId, hasPassword: true, originals: false, createdAt: at };

/** Visit and secret that the answers name. */
export const visit = `ocelli_lv_${"v".repeat(43)}`;
export const secret = `ocelli_pl_${"s".repeat(43)}`;

/** Albums as the library answers of them. */
export function albumService(world: AccessWorld) {
  return answering(world, libraryV1.AlbumServiceDefinition, {
    createAlbum: { album },
    getAlbum: { album, ancestors: [] },
    listAlbums: { albums: [album], nextPageToken: "more" },
    updateAlbum: { album },
    deleteAlbum: { albums: 1, photos: 2 },
    addAlbumPhotos: { photoIds: [someId] },
    removeAlbumPhotos: { photoIds: [someId] },
    shareAlbum: { share },
    unshareAlbum: {},
    listAlbumShares: { shares: [share] },
    createAlbumLink: { link, secret },
    listAlbumLinks: { links: [link] },
    deleteAlbumLink: {},
    openAlbumLink: { visit, expiresIn: 60 },
    getLinkedAlbum: { name: "Lisbon", description: "", photos: [], nextPageToken: "", originals: false },
  });
}
