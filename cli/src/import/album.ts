import type { Api } from "./api.ts";
import { albumPageSchema, albumSchema, anySchema } from "./schemas.ts";

// What one request may name.
const photosAtOnce = 1_000;

/** The id of the album of this name at the top; it is made where there is none. */
export async function openAlbum(api: Api, name: string): Promise<string> {
  for (let pageToken = ""; ; ) {
    const query = new URLSearchParams({ pageSize: "200", pageToken });
    const page = await api.json(`/albums?${query}`, albumPageSchema, { method: "GET" });
    const found = page.items.find((album) => album.name === name);
    if (found) return found.id;
    pageToken = page.nextPageToken;
    if (pageToken === "") break;
  }
  // An id of its own: a request that is repeated makes no second album.
  const body = { name, requestId: crypto.randomUUID() };
  return (await api.json("/albums", albumSchema, { method: "POST", body })).id;
}

/** Puts photos into an album; those in it already stay. */
export async function addToAlbum(api: Api, albumId: string, photoIds: readonly string[]): Promise<void> {
  for (let first = 0; first < photoIds.length; first += photosAtOnce) {
    const body = { photoIds: photoIds.slice(first, first + photosAtOnce) };
    await api.json(`/albums/${albumId}/photos`, anySchema, { method: "POST", body });
  }
}
