/** Something seen, with the trust in it, 0..1. */
export interface Labelled {
  label: string;
  score: number;
}

/** What other models saw in the picture; every list may be empty. */
export interface CaptionContext {
  /** One entry per detected object: three dogs are three entries. */
  objects: readonly Labelled[];
  /** Open-vocabulary words; `score` is the cosine of picture and word. */
  tags: readonly Labelled[];
  scene?: { label?: string; unsure: boolean; place: "indoor" | "outdoor" | "unknown" };
  /** Faces found, when a face detector ran: a face is evidence of a person. */
  faces?: number;
}

/** Which of the two ways a sentence was made: by the decoder, or from a template. */
export type CaptionSource = "NEURAL" | "PLAIN";

/** A sentence before it is compared with the picture. */
export interface Draft {
  text: string;
  source: CaptionSource;
  /** Added to the cosine when choosing: what independent models say for (+) or against (-) the sentence. */
  evidence: number;
  /** Least cosine at which the sentence may be shown. */
  minCosine: number;
}

/** A draft with its cosine. */
export interface ScoredDraft {
  draft: Draft;
  cosine: number;
}

/** A sentence that was considered, for explanation. */
export interface CaptionCandidate {
  text: string;
  /** Cosine of sentence and picture, -1..1. */
  score: number;
  source: CaptionSource;
  /** `score` plus evidence: what the choice went by. */
  rank: number;
  /** Why it could not be chosen; absent when it could. */
  rejected?: "BELOW_THRESHOLD" | "UNSUPPORTED" | "CONTRADICTED";
}
