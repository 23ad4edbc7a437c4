import {
  decodePageToken,
  encodePageToken,
  invalidArgument,
  isDeletedOwner,
  isUuid,
  notFound,
  resolvePageSize,
} from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Kysely, Transaction } from "kysely";
import { z } from "zod";
import { rankGroup } from "./best-shot.ts";
import { buildGroups, maxGroup } from "./duplicate-groups.ts";
import { keepPairs, unkeepPairs } from "./store/duplicate-decisions.ts";
import { listNewestOfGroups, lockDocuments } from "./store/duplicate-pairs.ts";
import { listComparablePhotos } from "./store/duplicates.ts";
import type { SearchTables } from "./store/tables.ts";

/** Rules of duplicates; every photo is one of the caller's. */
export interface Duplicates {
  /** @throws AppError INVALID_ARGUMENT/{INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}. */
  list(ownerId: string, request: searchV1.ListDuplicatesRequest): Promise<searchV1.ListDuplicatesResponse>;
  /** @throws AppError INVALID_ARGUMENT/INVALID_PHOTOS, NOT_FOUND/PHOTO_NOT_FOUND. */
  keep(ownerId: string, photoIds: readonly string[]): Promise<void>;
  /** @throws AppError INVALID_ARGUMENT/INVALID_PHOTOS, NOT_FOUND/PHOTO_NOT_FOUND. */
  unkeep(ownerId: string, photoIds: readonly string[]): Promise<void>;
}

const { DuplicateKind } = searchV1;
const { DUPLICATE_KIND_EXACT, DUPLICATE_KIND_UNSPECIFIED } = DuplicateKind;
const pageLimits = { defaultSize: 20, maxSize: 100 };
const cursorSchema = z.object({ newestId: z.uuid() });
// Groups of another kind are passed over; a page that only passes over ends here and is continued by its token.
const maxRounds = 10;

/** Creates the rules of duplicates. */
export function createDuplicates({ db }: { db: Kysely<SearchTables> }): Duplicates {
  async function groupsOf(ownerId: string, kind: searchV1.DuplicateKind, newestIds: readonly string[]) {
    const scope = { ownerId, exactOnly: kind === DUPLICATE_KIND_EXACT };
    const groups = await buildGroups(db, scope, newestIds);
    const photos = await listComparablePhotos(db, ownerId, groups.flat());
    const byId = new Map(photos.map((photo) => [photo.photoId, photo]));
    return groups
      .map((ids) => ids.flatMap((id) => byId.get(id) ?? []))
      .filter((members) => members.length > 1)
      .map(rankGroup)
      .filter((group) => kind === DUPLICATE_KIND_UNSPECIFIED || group.kind === kind);
  }

  async function decide(
    ownerId: string,
    photoIds: readonly string[],
    change: (trx: Transaction<SearchTables>, ids: readonly string[]) => Promise<void>,
  ): Promise<void> {
    const ids = parsePhotos(photoIds);
    await db.transaction().execute(async (trx) => {
      const gone = await isDeletedOwner(trx, ownerId);
      const own = await lockDocuments(trx, ownerId, ids);
      if (gone || own.size < ids.length) throw notFound("PHOTO_NOT_FOUND", "There is no such photo.");
      await change(trx, ids);
    });
  }

  return {
    async list(ownerId, { kind, pageSize, pageToken }) {
      const size = resolvePageSize(pageSize, pageLimits);
      const list = ["duplicates", ownerId, kind];
      let before = decodePageToken(pageToken, cursorSchema, list)?.newestId;
      const exactOnly = kind === DUPLICATE_KIND_EXACT;
      const groups: searchV1.DuplicateGroup[] = [];
      for (let round = 0; round < maxRounds && groups.length < size; round++) {
        const wanted = size - groups.length;
        const newest = await listNewestOfGroups(db, { ownerId, exactOnly, before, limit: wanted + 1 });
        const taken = newest.slice(0, wanted);
        groups.push(...(await groupsOf(ownerId, kind, taken)));
        if (newest.length <= wanted) return { groups, nextPageToken: "" };
        before = taken.at(-1);
      }
      return { groups, nextPageToken: encodePageToken({ newestId: before }, list) };
    },
    keep: (ownerId, photoIds) => decide(ownerId, photoIds, (trx, ids) => keepPairs(trx, ownerId, ids)),
    unkeep: (ownerId, photoIds) => decide(ownerId, photoIds, (trx, ids) => unkeepPairs(trx, ownerId, ids)),
  };
}

/** Distinct ids; what is no id is answered like an unknown one. */
function parsePhotos(photoIds: readonly string[]): string[] {
  const ids = [...new Set(photoIds)];
  if (photoIds.length > maxGroup || ids.length < 2) {
    throw invalidArgument("INVALID_PHOTOS", `Name 2 to ${maxGroup} photos.`, [
      { field: "photo_ids", description: `must be 2 to ${maxGroup} different ids` },
    ]);
  }
  if (!ids.every(isUuid)) throw notFound("PHOTO_NOT_FOUND", "There is no such photo.");
  return ids;
}
