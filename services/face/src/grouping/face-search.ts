import type { Kysely } from "kysely";
import type { FaceResult } from "../model/types.ts";
import { findPersonNames } from "../store/grouping-people.ts";
import type { FaceTables } from "../store/tables.ts";
import { type FaceCalibration, joinLimit, similarityOf } from "./calibration.ts";
import type { OwnerIndexes } from "./owner-indexes.ts";

/** A person that a face resembles. */
export interface FaceSearchMatch {
  personId: string;
  /** Empty while unnamed. Hidden persons have their name: only their owner asks. */
  personName: string;
  /** The chance that it is this person, 0..1. */
  similarity: number;
}

/** What is known of one face. */
export interface FaceSearchResult {
  /** No person is like enough: the nearest ones are told all the same. */
  unknown: boolean;
  /** Nearest persons, likeliest first; at most 5. */
  matches: FaceSearchMatch[];
}

/** Finds an owner's persons by faces that are not stored. */
export interface FaceSearch {
  /** One result per face, in the same order. */
  search(
    ownerId: string,
    faces: readonly Pick<FaceResult, "embedding" | "quality">[],
  ): Promise<FaceSearchResult[]>;
}

/** What {@link createFaceSearch} stands on. */
export interface FaceSearchOptions {
  db: Kysely<FaceTables>;
  indexes: OwnerIndexes;
  calibration: FaceCalibration;
}

const matchesAtMost = 5;
/** Less likely than this is not worth telling. */
const leastSimilarity = 0.01;

/** Creates the search. A face is unknown where it would not join the person by itself. */
export function createFaceSearch({ db, indexes, calibration }: FaceSearchOptions): FaceSearch {
  return {
    async search(ownerId, faces) {
      const index = faces.length > 0 ? await indexes.current(db, ownerId) : undefined;
      if (!index) return faces.map(() => ({ unknown: true, matches: [] }));
      const nearest = faces.map(({ embedding }) => index.nearestPeople(embedding).slice(0, matchesAtMost));
      const ids = new Set(nearest.flat().map(({ id }) => id));
      const names = await findPersonNames(db, ownerId, [...ids]);
      return nearest.map((people, at) => {
        const matches = people.flatMap(({ id, distance }) => {
          const similarity = similarityOf(calibration, distance);
          const personName = names.get(id);
          const told = personName !== undefined && similarity >= leastSimilarity;
          return told ? [{ personId: id, personName, similarity, distance }] : [];
        });
        const limit = joinLimit(calibration, faces[at]?.quality ?? 0);
        const [best] = matches;
        return {
          unknown: !best || limit === undefined || best.distance > limit,
          matches: matches.map(({ distance: _, ...match }) => match),
        };
      });
    },
  };
}
