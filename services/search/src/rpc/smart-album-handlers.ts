import { type IdentityContext, invalidArgument } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import { searcherOf } from "../searcher.ts";
import type { SmartAlbumPatch, SmartAlbums } from "../smart-albums.ts";

/** SmartAlbumService over the rules. */
export function createSmartAlbumHandlers(
  albums: SmartAlbums,
): searchV1.SmartAlbumServiceImplementation<IdentityContext> {
  return {
    async createSmartAlbum({ name, query, filter, requestId }, { identity }) {
      return { smartAlbum: await albums.create(searcherOf(identity), { name, query, filter, requestId }) };
    },
    async getSmartAlbum({ smartAlbumId }, { identity }) {
      return { smartAlbum: await albums.get(searcherOf(identity), smartAlbumId) };
    },
    listSmartAlbums: (page, { identity }) => albums.list(searcherOf(identity), page),
    async updateSmartAlbum(request, { identity }) {
      const id = request.smartAlbum?.id ?? "";
      return { smartAlbum: await albums.update(searcherOf(identity), id, patchOf(request)) };
    },
    async deleteSmartAlbum({ smartAlbumId }, { identity }) {
      await albums.delete(searcherOf(identity), smartAlbumId);
      return {};
    },
    listSmartAlbumPhotos: (request, { identity }) => albums.listPhotos(searcherOf(identity), request),
  };
}

const patchable = ["name", "query", "filter"];

/** Without a mask, the fields that say something are those to change (AIP-134). */
function patchOf({ smartAlbum, updateMask }: searchV1.UpdateSmartAlbumRequest): SmartAlbumPatch {
  const { name = "", query = "", filter } = smartAlbum ?? {};
  const mask = updateMask ?? [];
  if (mask.length > patchable.length || mask.some((path) => !patchable.includes(path))) {
    throw invalidArgument("INVALID_UPDATE_MASK", "The fields to change are not valid.", [
      { field: "update_mask", description: `may name ${patchable.join(", ")}` },
    ]);
  }
  const selected = (path: string, says: boolean) => (mask.length > 0 ? mask.includes(path) : says);
  return {
    ...(selected("name", name !== "") ? { name } : {}),
    ...(selected("query", query !== "") ? { query } : {}),
    ...(selected("filter", filter !== undefined) ? { filter } : {}),
  };
}
