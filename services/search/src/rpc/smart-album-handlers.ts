import { type IdentityContext, invalidArgument, requireUser } from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { SmartAlbumPatch, SmartAlbums } from "../smart-albums.ts";

/** SmartAlbumService over the rules. */
export function createSmartAlbumHandlers(
  albums: SmartAlbums,
): searchV1.SmartAlbumServiceImplementation<IdentityContext> {
  return {
    async createSmartAlbum({ name, query, filter, requestId }, { identity }) {
      return { smartAlbum: await albums.create(requireUser(identity), { name, query, filter, requestId }) };
    },
    async getSmartAlbum({ smartAlbumId }, { identity }) {
      return { smartAlbum: await albums.get(requireUser(identity), smartAlbumId) };
    },
    listSmartAlbums: (page, { identity }) => albums.list(requireUser(identity), page),
    async updateSmartAlbum(request, { identity }) {
      const id = request.smartAlbum?.id ?? "";
      return { smartAlbum: await albums.update(requireUser(identity), id, patchOf(request)) };
    },
    async deleteSmartAlbum({ smartAlbumId }, { identity }) {
      await albums.delete(requireUser(identity), smartAlbumId);
      return {};
    },
    listSmartAlbumPhotos: (request, { identity }) => albums.listPhotos(requireUser(identity), request),
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
