/** How cosines of one joint model become relevance. */
export interface Calibration {
  /**
   * How much of a picture's agreement with everyday things in general (see `background.ts`) is taken off its
   * agreement with a query: some pictures agree a little with everything.
   */
  backgroundWeight: number;
  /** Agreement, the background taken off, that makes a photo as likely right as wrong. */
  middle: number;
  /** Cosine by which the odds grow e-fold. */
  spread: number;
  /**
   * Made-up words are spelled in many small pieces and agree by chance with some picture, so the more pieces a
   * query's words fall into, the more agreement is asked for: this much per extra piece and word, up to `maxDoubt`.
   */
  doubtPerPiece: number;
  maxDoubt: number;
}

/**
 * Logistic fit on 9 photos and 142 queries, of which 45 name something on them (1,278 pairs, 81 right): the slope is 14,
 * the background's weight 1.15 (16.2 / 14.05), the odds at 0 -4.1. Right and wrong pairs are 1 to 15 there; whoever
 * searches mostly has what he looks for, so the odds are moved by +1, which puts the least score of .35 at .18.
 */
const starterVision: Calibration = {
  backgroundWeight: 1.15,
  middle: 0.222,
  spread: 0.0714,
  doubtPerPiece: 0.03,
  maxDoubt: 0.06,
};

/** Per id of the joint model, without its version. A model that is not here is read like the starter's. */
const calibrations: Readonly<Record<string, Calibration>> = { vision: starterVision };

/** The calibration of a model named `id@version`. */
export function calibrationOf(model: string): Calibration {
  return calibrations[model.slice(0, model.indexOf("@"))] ?? starterVision;
}

/** How much more a query must agree with a picture; `piecesPerWord` is 1 when the vocabulary knows every word. */
export function spellingDoubt({ doubtPerPiece, maxDoubt }: Calibration, piecesPerWord: number): number {
  return Math.min(maxDoubt, Math.max(0, piecesPerWord - 1) * doubtPerPiece);
}

/**
 * Log odds that a picture is what was asked for.
 * @param agreement - cosine with the query, less the picture's weighted background.
 */
export function pictureOdds({ middle, spread }: Calibration, agreement: number, doubt = 0): number {
  return (agreement - middle - doubt) / spread;
}

/** Unrelated sentences reach this cosine: .16 to .52 by the encoder's own card, .57 for "beach" and "sunset". */
const unrelatedMeaning = 0.5;
/**
 * Fitted with the pictures on the four photos whose captions and labels are known (568 pairs): 20.7 per cosine above
 * .45, which lifts the average precision from .57 to .72.
 */
const oddsPerMeaning = 20;

/**
 * What caption and labels add to the log odds of a picture. Never less than nothing: a caption that does not mention
 * something ("a person") says little of what else the picture shows.
 */
export function meaningOdds(cosine: number): number {
  return Math.max(0, cosine - unrelatedMeaning) * oddsPerMeaning;
}

/** Probability of log odds. */
export function probability(odds: number): number {
  return 1 / (1 + Math.exp(-odds));
}
