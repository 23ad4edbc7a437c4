import { type Calibration, meaningOdds, pictureOdds, probability } from "./ranking/calibration.ts";
import type { WordMatch } from "./store/word-search.ts";

/** One photo found. */
export interface SearchHit {
  photoId: string;
  /** 0..1. */
  score: number;
  /** What matched. */
  why: string[];
}

/** A picture near a query. */
export interface PictureMatch {
  photoId: string;
  /** Cosine with the query, less the picture's weighted background. */
  agreement: number;
  /** Cosine of the query with what caption or labels mean; 0 where that is unknown. */
  meaning: number;
}

/** What was found of a query, each kind by itself. */
export interface Findings {
  pictures: readonly PictureMatch[];
  words: readonly WordMatch[];
  /** Photos that fulfil something the query may have meant: one list for each such thing. */
  evidence: readonly (readonly string[])[];
  calibration: Calibration;
  /** See `spellingDoubt`. */
  doubt: number;
}

/** A photo with its relevance and the kinds of findings it is in. */
export interface RankedPhoto {
  photoId: string;
  /** 0..1. */
  score: number;
  byPicture: boolean;
  byWords: boolean;
}

/** Words are strong evidence but not proof: a caption or label may itself be wrong. */
const wordTrust = 0.9;
/** A name that is a word as well: more likely meant than not. */
const evidenceTrust = 0.6;
/** Reciprocal rank fusion (Cormack 2009): a place counts 1 / (60 + place). */
const rankOffset = 60;
const weights = { picture: 1, words: 1.2, evidence: 0.8 };
/** Agreement in order lifts a photo by up to this part of what it lacks; from a relevance of `liftFrom` on. */
const maxLift = 0.3;
const liftFrom = 0.35;
/** A picture that is less likely than this is no reason for a photo. */
const leastReason = 0.1;

/**
 * Fuses what pictures show, what was said of them and what the query may have meant. Relevance comes first: the kinds
 * of evidence are independent, so the chances of being wrong multiply, and one calibrated number decides what is shown.
 * Reciprocal ranks then lift what several lists have near their top. The lift is nothing at the least relevance, so
 * that it never brings in what the cut keeps out.
 */
export function fuse(findings: Findings): RankedPhoto[] {
  const { calibration, doubt } = findings;
  const photos = new Map<string, Evidence>();
  const of = (photoId: string) => {
    const known = photos.get(photoId) ?? { wrong: 1, lift: 0, picture: 0, words: 0 };
    photos.set(photoId, known);
    return known;
  };
  const pictures = findings.pictures
    .map(({ photoId, agreement, meaning }) => ({
      photoId,
      value: probability(pictureOdds(calibration, agreement, doubt) + meaningOdds(meaning)),
    }))
    .sort(byValue);
  const words = findings.words
    .map((match) => ({ photoId: match.photoId, value: wordRelevance(match) }))
    .sort(byValue);
  for (const [place, { photoId, value }] of pictures.entries())
    Object.assign(of(photoId), { picture: value, lift: weights.picture / (rankOffset + place + 1) });
  for (const [place, { photoId, value }] of words.entries()) {
    const photo = of(photoId);
    photo.words = value;
    photo.lift += weights.words / (rankOffset + place + 1);
  }
  for (const list of findings.evidence)
    for (const photoId of list) {
      const photo = of(photoId);
      photo.wrong *= 1 - evidenceTrust;
      photo.lift += weights.evidence / (rankOffset + 1);
    }
  return [...photos].map(([photoId, evidence]) => toRanked(photoId, evidence, most(findings))).sort(byScore);
}

interface Evidence {
  /** Chance that all names are wrong. */
  wrong: number;
  /** Sum of weighted reciprocal ranks. */
  lift: number;
  picture: number;
  words: number;
}

function toRanked(photoId: string, { wrong, lift, picture, words }: Evidence, mostLift: number): RankedPhoto {
  const relevance = 1 - wrong * (1 - picture) * (1 - words);
  const share = mostLift === 0 ? 0 : lift / mostLift;
  const score = relevance + maxLift * share * Math.max(0, relevance - liftFrom) * (1 - relevance);
  return { photoId, score, byPicture: picture >= leastReason, byWords: words > 0 };
}

/** What a photo would get that is first in every list. */
function most({ pictures, words, evidence }: Findings): number {
  const first = 1 / (rankOffset + 1);
  return (
    (pictures.length > 0 ? weights.picture * first : 0) +
    (words.length > 0 ? weights.words * first : 0) +
    evidence.length * weights.evidence * first
  );
}

/**
 * Relevance of words: how many of the query's were found counts most, and twice, because half of "birthday cake"
 * is not half as good.
 */
export function wordRelevance({ found, rank }: WordMatch): number {
  const coverage = found.reduce((sum, each) => sum + each, 0) / Math.max(1, found.length);
  return wordTrust * coverage ** 2 * (0.6 + 0.4 * Math.min(1, rank));
}

function byValue(a: { photoId: string; value: number }, b: { photoId: string; value: number }): number {
  return b.value - a.value || (a.photoId < b.photoId ? 1 : -1);
}

/** Best first; ties by id, so that pages never overlap. */
function byScore(a: RankedPhoto, b: RankedPhoto): number {
  return b.score - a.score || (a.photoId < b.photoId ? 1 : -1);
}
