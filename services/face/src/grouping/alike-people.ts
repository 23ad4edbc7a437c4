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

/**
 * Pairs of persons whose exemplars are on average at most so far apart, nearest first. Cost grows with the square of
 * the number of persons, but only their middles are compared that often: 2,000 persons take about a second, in turns
 * with other work. Persons who change meanwhile may be missed.
 */
export async function findAlikePeople(
  index: OwnerIndex,
  distance: number,
  { limit, signal }: { limit: number; signal?: AbortSignal | undefined },
): Promise<AlikePair[]> {
  let pairs: AlikePair[] = [];
  const all = [...index.people()].sort((a, b) => (a.id < b.id ? -1 : 1));
  for (const [at, person] of all.entries()) {
    if (at % personsPerTurn === personsPerTurn - 1) {
      signal?.throwIfAborted();
      await turn();
    }
    const middle = index.middleOf(person.id);
    // The mean distance of two sets of points is never smaller than the distance of their middles.
    for (const { id } of middle ? index.peopleWithin(middle, distance) : []) {
      const other = id > person.id ? index.person(id) : undefined;
      const apart = other && meanDistance(person, other);
      if (apart !== undefined && apart <= distance)
        pairs.push({ personId: person.id, otherId: id, distance: apart });
    }
    if (pairs.length > limit * 4) pairs = nearest(pairs, limit);
  }
  return nearest(pairs, limit);
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
