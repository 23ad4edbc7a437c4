import { weighEvidence } from "./evidence.ts";
import { fallbackCaption } from "./plain.ts";
import type { CaptionCandidate, CaptionContext, Draft } from "./types.ts";

/** A neural sentence must beat the best plain one by this much cosine: near ones differ in invented detail. */
export const neuralHandicap = -0.05;

/** The sentence to show and all that were considered, best first. */
export interface Choice {
  text: string;
  score: number;
  source: Draft["source"];
  candidates: CaptionCandidate[];
}

/**
 * Chooses the sentence nearest to the picture among those the evidence allows. `cosines[n]` belongs to `drafts[n]`. When
 * none may be shown, says no more than is known.
 */
export function chooseCaption(
  drafts: readonly Draft[],
  cosines: readonly number[],
  context: CaptionContext,
): Choice {
  const candidates = unique(
    drafts
      .map((draft, index) => judge(draft, cosines[index] ?? -1, context))
      .sort((a, b) => Number(a.rejected !== undefined) - Number(b.rejected !== undefined) || b.rank - a.rank),
  );
  const best = candidates[0];
  if (best !== undefined && best.rejected === undefined)
    return { text: best.text, score: best.score, source: best.source, candidates };
  return { text: fallbackCaption(context), score: 0, source: "PLAIN", candidates };
}

function judge(draft: Draft, score: number, context: CaptionContext): CaptionCandidate {
  const { verdict, bonus } = weighEvidence(draft.text, context);
  const candidate = { text: draft.text, score, source: draft.source, rank: score + draft.evidence + bonus };
  if (verdict === "UNSUPPORTED" || verdict === "CONTRADICTED") return { ...candidate, rejected: verdict };
  return score < draft.minCosine ? { ...candidate, rejected: "BELOW_THRESHOLD" } : candidate;
}

/** The same sentence may come about in two ways; the better one, which comes first, stays. */
function unique(candidates: readonly CaptionCandidate[]): CaptionCandidate[] {
  const seen = new Set<string>();
  return candidates.filter(({ text }) => !seen.has(text) && seen.add(text));
}
