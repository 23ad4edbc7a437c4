import type { Kysely } from "kysely";
import { listKeptPairs } from "./store/duplicate-decisions.ts";
import { listOpenPairs, type PhotoPair } from "./store/duplicate-pairs.ts";
import type { SearchTables } from "./store/tables.ts";

/** Most photos of a group. More copies than that are shown once some of these are decided on. */
export const maxGroup = 100;

/** Whose duplicates, and whether only those of the same bytes. */
export interface GroupScope {
  ownerId: string;
  exactOnly: boolean;
}

/**
 * The groups of photos that are the newest of theirs: each with its duplicates, theirs, and so on. A photo that is
 * reached from a newer one belongs to that one's group and has none of its own. Two photos that are both to be kept are
 * never in one group, even where a third is a duplicate of both: the nearer to the newest stays.
 */
export async function buildGroups(
  db: Kysely<SearchTables>,
  scope: GroupScope,
  newestIds: readonly string[],
): Promise<string[][]> {
  const reached = await reachFrom(db, scope, newestIds);
  const groups = reached.filter(([newest, ...others]) => others.every((id) => id < (newest ?? "")));
  const kept = await listKeptPairs(db, scope.ownerId, groups.flat());
  const apart = new Set(kept.flatMap(({ photoId, otherId }) => [photoId + otherId, otherId + photoId]));
  return groups.map((ids) =>
    ids.reduce<string[]>((group, id) => {
      if (!group.some((member) => apart.has(member + id))) group.push(id);
      return group;
    }, []),
  );
}

/** Everything that can be reached from each start, itself first, the nearest next; all of them a step at a time. */
async function reachFrom(
  db: Kysely<SearchTables>,
  scope: GroupScope,
  starts: readonly string[],
): Promise<string[][]> {
  const reached = starts.map((start) => new Set([start]));
  let frontiers = starts.map((start) => [start]);
  while (frontiers.some((frontier) => frontier.length > 0)) {
    const photoIds = [...new Set(frontiers.flat())];
    const pairs = Map.groupBy(await listOpenPairs(db, { ...scope, photoIds }), ({ photoId }) => photoId);
    frontiers = frontiers.map((frontier, index) => stepFrom(frontier, pairs, reached[index] ?? new Set()));
  }
  return reached.map((ids) => [...ids]);
}

function stepFrom(
  frontier: readonly string[],
  pairs: ReadonlyMap<string, PhotoPair[]>,
  reached: Set<string>,
): string[] {
  const next: string[] = [];
  for (const { otherId } of frontier.flatMap((id) => pairs.get(id) ?? [])) {
    if (reached.size >= maxGroup) break;
    if (reached.has(otherId)) continue;
    reached.add(otherId);
    next.push(otherId);
  }
  return reached.size >= maxGroup ? [] : next;
}
