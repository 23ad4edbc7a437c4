import { invalidArgument } from "@ocelli/chassis";
import type { SearchHit } from "./ranking.ts";
import type { Neighbour } from "./vectors.ts";

/**
 * How alike two pictures are, from the cosine of their embeddings. Measured on 15 photos with the starter model: photos of
 * different things -.17 to .36, different photos of the same kind (portraits, groups of people) .48 to .87, the same scene
 * in another frame .82 to .97. The logistic gives .02 at .36, .5 at .62, .87 at .75 and .97 at .87.
 */
const cosineMiddle = 0.62;
const cosineSpread = 0.07;

/** Least likeness of a photo that is shown when the caller names none: a cosine of .62. */
export const defaultMinLikeness = 0.5;

/** Likeness of two pictures, 0..1. */
export function likenessOf(cosine: number): number {
  return 1 / (1 + Math.exp((cosineMiddle - cosine) / cosineSpread));
}

/** The neighbours that are alike enough, likest first; ties by id, so that pages never overlap. */
export function toHits(neighbours: readonly Neighbour[], minScore: number): SearchHit[] {
  return neighbours
    .map(({ photoId, cosine }) => ({ photoId, score: likenessOf(cosine), why: ["picture"] }))
    .filter(({ score }) => score >= minScore)
    .sort((a, b) => b.score - a.score || (a.photoId < b.photoId ? 1 : -1));
}

/**
 * The least likeness that a request asks for.
 * @throws AppError INVALID_ARGUMENT/INVALID_MIN_SCORE.
 */
export function parseMinLikeness(minScore: number | undefined): number {
  if (minScore === undefined) return defaultMinLikeness;
  if (minScore >= 0 && minScore <= 1) return minScore;
  throw invalidArgument("INVALID_MIN_SCORE", "The least score must lie between 0 and 1.", [
    { field: "min_score", description: "must be a number from 0 to 1" },
  ]);
}
