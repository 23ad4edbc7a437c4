import type { WordMatch } from "./store/documents.ts";
import type { Neighbour } from "./store/embeddings.ts";

/** One photo found. */
export interface SearchHit {
  photoId: string;
  /** 0..1. */
  score: number;
  /** What matched. */
  why: string[];
}

/**
 * Measured on the starter model: right matches have cosines of .35 to .60, unrelated pairs -.10 to .25, and a
 * nonsense word reaches .33 on some picture. The logistic below gives .05 at .22, .35 at .28, .5 at .30 and .95 at .39.
 */
const cosineMiddle = 0.3;
const cosineSpread = 0.03;

/**
 * Made-up words are spelled in many small pieces and agree by chance with some picture (up to .32 on our test photos),
 * so the more pieces a query's words fall into, the more agreement is asked for.
 */
const doubtPerPiece = 0.03;
const maxDoubt = 0.06;

/** How much more a query must agree with a picture; `piecesPerWord` is 1 when the vocabulary knows every word. */
export function spellingDoubt(piecesPerWord: number): number {
  return Math.min(maxDoubt, Math.max(0, piecesPerWord - 1) * doubtPerPiece);
}

/** Relevance of a picture from its cosine with the query, 0..1. */
export function visualScore(cosine: number, doubt = 0): number {
  return 1 / (1 + Math.exp((cosineMiddle + doubt - cosine) / cosineSpread));
}

/**
 * Fuses what the picture shows with what was said of it. The two are independent evidence, so the chances of being
 * wrong multiply; a photo found by both is above a photo found by either.
 */
export function fuse(
  neighbours: readonly (Neighbour & { doubt: number })[],
  matches: readonly WordMatch[],
  queryWords: string[],
): SearchHit[] {
  const hits = new Map<string, SearchHit>();
  for (const { photoId, cosine, doubt } of neighbours) {
    const score = visualScore(cosine, doubt);
    hits.set(photoId, { photoId, score, why: score >= 0.1 ? ["picture"] : [] });
  }
  for (const match of matches) {
    const hit = hits.get(match.photoId) ?? { photoId: match.photoId, score: 0, why: [] };
    // Words alone are strong evidence but not proof: a caption or label may itself be wrong.
    const wordScore = Math.min(match.rank, 1) * 0.9;
    hits.set(match.photoId, {
      photoId: match.photoId,
      score: 1 - (1 - hit.score) * (1 - wordScore),
      why: [...hit.why, ...reasons(match, queryWords)],
    });
  }
  return [...hits.values()].sort(byScore);
}

/** Best first; ties by id, so that pages never overlap. */
function byScore(a: SearchHit, b: SearchHit): number {
  return b.score - a.score || (a.photoId < b.photoId ? 1 : -1);
}

function reasons(match: WordMatch, queryWords: string[]): string[] {
  const found: string[] = [];
  const mentions = (text: string) => queryWords.filter((word) => text.toLowerCase().includes(word));
  for (const word of mentions(match.title)) found.push(`title: ${word}`);
  for (const word of mentions(match.description)) found.push(`description: ${word}`);
  for (const word of mentions(match.caption)) found.push(`caption: ${word}`);
  for (const label of match.labels) if (mentions(label).length > 0) found.push(`label: ${label}`);
  for (const word of mentions(match.ocrText)) found.push(`text: ${word}`);
  return found.length > 0 ? found : ["words"];
}
