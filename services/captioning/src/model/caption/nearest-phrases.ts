import { commonPhrases } from "./common-phrases.ts";
import { namesThing } from "./evidence.ts";
import type { CaptionContext, ScoredDraft } from "./types.ts";

/** Few, so that they stay readable as explanation. */
const maxPhrases = 3;
/** What a phrase cedes to sentences made from detections. */
const phraseEvidence = -0.03;
const minCosine = 0.42;
/**
 * Deviations above the mean of all phrases that a phrase must stand out when nothing else speaks for it: some pictures are
 * near to everything. Measured: "a close up of a cat" for a cat 3.9; the wrong "a glass of wine" for a cup of coffee 2.7
 * (cosine .51) and "fireworks in the night sky" for a rocket at dusk 2.4 (.46).
 */
const minDeviations = 3;

/** The phrases nearest to the picture; `cosines[n]` belongs to `commonPhrases[n]`. One that may not be shown gets a
 *  threshold above every cosine, so that it is still listed. */
export function nearestPhrases(cosines: readonly number[], context: CaptionContext): ScoredDraft[] {
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const deviation = Math.sqrt(cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cosines.length);
  const named = [...context.tags, ...context.objects].map(({ label }) => label);
  return commonPhrases
    .map((text, index) => ({ text, cosine: cosines[index] ?? -1 }))
    .sort((a, b) => b.cosine - a.cosine)
    .slice(0, maxPhrases)
    .map(({ text, cosine }) => {
      const backed = named.some((label) => namesThing(mainThing(text), label));
      const standsOut = cosine - mean >= minDeviations * deviation;
      const least = backed || standsOut ? minCosine : 1;
      return { cosine, draft: { text, source: "PLAIN", evidence: phraseEvidence, minCosine: least } };
    });
}

/** What the phrase is about, without where and how: a tag "sky" must not vouch for "fireworks in the night sky". */
function mainThing(phrase: string): string {
  const subject = phrase.replace(/^a close up of /, "");
  return (
    subject.split(/ (?:in|on|at|over|with|through|under|behind|parked|lying|running|leaning|of) /)[0] ??
    subject
  );
}
