import type { Kysely } from "kysely";
import { listDistinctPairs } from "../store/decisions.ts";
import { findPersonNames, listPairsTogether, pairKey } from "../store/grouping-people.ts";
import type { FaceTables } from "../store/tables.ts";
import { type AlikePair, findAlikePeople } from "./alike-people.ts";
import { type FaceCalibration, similarityOf } from "./calibration.ts";
import type { OwnerIndex } from "./owner-index.ts";
import type { OwnerIndexes } from "./owner-indexes.ts";

/** Two persons that may be one. */
export interface PersonSuggestion {
  personId: string;
  otherId: string;
  /** The chance that they are, 0..1. */
  score: number;
}

/** Asks whether two persons are one. */
export interface Suggestions {
  /**
   * Pairs worth asking about, likeliest first, at most 500: alike, not called different by a human, and not on one
   * photo unless they are very much alike.
   */
  list(ownerId: string): Promise<PersonSuggestion[]>;
}

/** What {@link createSuggestions} stands on. */
export interface SuggestionsOptions {
  db: Kysely<FaceTables>;
  indexes: OwnerIndexes;
  calibration: FaceCalibration;
}

/** Pairs kept per owner: nobody answers more, and a page token need not go farther. */
const pairsAtMost = 500;

/** Creates suggestions. */
export function createSuggestions({ db, indexes, calibration }: SuggestionsOptions): Suggestions {
  /** Weak, so that an index that is dropped is not kept in memory by its pairs. */
  const found = new WeakMap<OwnerIndex, { version: number; pairs: Promise<AlikePair[]> }>();

  async function alikePairs(ownerId: string): Promise<AlikePair[]> {
    const index = await indexes.current(db, ownerId);
    if (!index) return [];
    const { peopleVersion: version } = index;
    const known = found.get(index);
    if (known?.version === version) return known.pairs;
    const pairs = findAlikePeople(index, calibration.suggestDistance, { limit: pairsAtMost });
    found.set(index, { version, pairs });
    return pairs;
  }

  return {
    async list(ownerId) {
      const pairs = await alikePairs(ownerId);
      if (pairs.length === 0) return [];
      const distinct = new Set((await listDistinctPairs(db, ownerId)).map(pairKey));
      const together = await listPairsTogether(
        db,
        ownerId,
        pairs.filter(({ distance }) => distance > calibration.suggestTogetherDistance),
      );
      const ids = new Set(pairs.flatMap(({ personId, otherId }) => [personId, otherId]));
      const known = await findPersonNames(db, ownerId, [...ids]);
      return pairs
        .filter((pair) => known.has(pair.personId) && known.has(pair.otherId))
        .filter((pair) => !distinct.has(pairKey(pair)) && !together.has(pairKey(pair)))
        .map(({ personId, otherId, distance }) => ({
          personId,
          otherId,
          score: similarityOf(calibration, distance),
        }));
    },
  };
}
