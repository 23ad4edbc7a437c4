import { detached } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { listDistinctPairs } from "../store/decisions.ts";
import { listPairsTogether, listShownPersons, pairKey } from "../store/grouping-people.ts";
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
   * Pairs worth asking about, likeliest first, at most 500: alike, neither of them hidden, not called different by a
   * human, and not on one photo unless they are very much alike.
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
  const found = new WeakMap<OwnerIndex, { revision: number; pairs: Promise<AlikePair[]> }>();

  /** The pairs at one revision: any change may answer a pair, hide a person, or put two on one photo. */
  async function pairsOf(ownerId: string): Promise<AlikePair[]> {
    const index = await indexes.current(db, ownerId);
    if (!index) return [];
    const { revision } = index;
    const known = found.get(index);
    if (known?.revision === revision) return known.pairs;
    const pairs = detached(() => find(ownerId, index));
    found.set(index, { revision, pairs });
    // A search that failed is made again.
    pairs.catch(() => found.get(index)?.pairs === pairs && found.delete(index));
    return pairs;
  }

  async function find(ownerId: string, index: OwnerIndex): Promise<AlikePair[]> {
    const distinct = new Set((await listDistinctPairs(db, ownerId)).map(pairKey));
    return findAlikePeople(index, calibration.suggestDistance, {
      limit: pairsAtMost,
      keep: async (pairs) =>
        open(
          ownerId,
          pairs.filter((pair) => !distinct.has(pairKey(pair))),
        ),
    });
  }

  /** Without hidden persons, and without two who are on one photo unless they are very much alike. */
  async function open(ownerId: string, pairs: readonly AlikePair[]): Promise<AlikePair[]> {
    const ids = new Set(pairs.flatMap(({ personId, otherId }) => [personId, otherId]));
    const shown = new Set(await listShownPersons(db, ownerId, [...ids]));
    const left = pairs.filter(({ personId, otherId }) => shown.has(personId) && shown.has(otherId));
    const unlike = left.filter(({ distance }) => distance > calibration.suggestTogetherDistance);
    const together = await listPairsTogether(db, ownerId, unlike);
    return left.filter((pair) => !together.has(pairKey(pair)));
  }

  return {
    async list(ownerId) {
      const pairs = await pairsOf(ownerId);
      return pairs.map(({ personId, otherId, distance }) => ({
        personId,
        otherId,
        score: similarityOf(calibration, distance),
      }));
    },
  };
}
