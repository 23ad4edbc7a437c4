import { setImmediate as turn } from "node:timers/promises";
import type { IndexedPerson, OwnerIndex } from "./owner-index.ts";
import { distanceOf } from "./vectors.ts";

/** Two persons that resemble each other. */
export interface AlikePair {
  /** The smaller id. */
  personId: string;
  otherId: string;
  /** Mean distance between their exemplars. */
  distance: number;
}

/** Persons compared with all others before other work gets its turn. */
const personsPerTurn = 20;

/** How {@link findAlikePeople} searches. */
export interface AlikeSearch {
  /** So many pairs at most, the nearest. */
  limit: number;
  /** Answers those of the pairs that count. Asked before the limit: what does not count takes nobody's place. */
  keep?: (pairs: AlikePair[]) => Promise<AlikePair[]>;
  signal?: AbortSignal | undefined;
}

/**
 * Pairs of persons whose exemplars are on average at most so far apart, nearest first. Cost grows with the square of
 * the number of persons, but only their middles are compared that often: 2,000 persons take about a second, in turns
 * with other work. Persons who change meanwhile may be missed.
 */
export async function findAlikePeople(
  index: OwnerIndex,
  distance: number,
  { limit, keep = async (pairs) => pairs, signal }: AlikeSearch,
): Promise<AlikePair[]> {
  let kept: AlikePair[] = [];
  let fresh: AlikePair[] = [];
  let farthest = distance;
  const sift = async () => {
    kept = nearest([...kept, ...(fresh.length > 0 ? await keep(fresh) : [])], limit);
    fresh = [];
    if (kept.length === limit) farthest = kept.at(-1)?.distance ?? farthest;
  };
  const all = [...index.people()].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const [at, person] of all.entries()) {
    if (at % personsPerTurn === personsPerTurn - 1) {
      signal?.throwIfAborted();
      await turn();
    }
    const middle = index.middleOf(person.id);
    // The mean distance of two sets of points is never smaller than the distance of their middles.
    for (const { id } of middle ? index.peopleWithin(middle, farthest) : []) {
      const other = id > person.id ? index.person(id) : undefined;
      const apart = other && meanDistance(person, other);
      if (apart !== undefined && apart <= farthest)
        fresh.push({ personId: person.id, otherId: id, distance: apart });
    }
    if (fresh.length > limit * 4) await sift();
  }
  await sift();
  return kept;
}

/** Mean distance between all exemplars of one and all of the other. */
export function meanDistance(one: IndexedPerson, other: IndexedPerson): number {
  let sum = 0;
  for (const a of one.exemplars) for (const b of other.exemplars) sum += distanceOf(a.vector, b.vector);
  return sum / (one.exemplars.length * other.exemplars.length);
}

function nearest(pairs: readonly AlikePair[], limit: number): AlikePair[] {
  const key = ({ personId, otherId }: AlikePair) => `${personId} ${otherId}`;
  return pairs.toSorted((a, b) => a.distance - b.distance || (key(a) < key(b) ? -1 : 1)).slice(0, limit);
}
