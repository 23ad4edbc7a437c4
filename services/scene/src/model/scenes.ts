import type { Labelled, Place } from "./types.ts";

/** One class of the scene head. */
export interface SceneClass {
  name: string;
  place: "indoor" | "outdoor" | "none";
}

/** What may be said of the scene. */
export interface SceneVerdict {
  /** Classes that may be shown, best first: likely enough and confirmed by the joint embedding. */
  labels: Labelled[];
  place: Place;
  unsure: boolean;
}

/** Name of the class that means "not a scene photo" (scenes.json). */
const otherClass = "other";
/**
 * Best class below this: unsure (scenes.json `unsure_below`; keeps 95 % of held-out scene photos, 91 % of
 * them right).
 */
const sureScore = 0.5;
/** Lesser classes worth a mention beside the best one. */
const mentionScore = 0.15;
/**
 * Least cosine between the picture and the words of the class. Measured: right pairs of picture and sentence
 * score .35-.60, unrelated ones -.1-.25 (model card), and the rocket at dusk that the scene head calls
 * "industrial site" with .99 scores .19 with those words.
 */
const minAgreement = 0.28;
/** The same for the classes learned almost only from grey pictures, or weak on held-out ones (model card). */
const minAgreementOfWeak = 0.35;
const weakClasses = new Set([
  "store",
  "suburban houses",
  "industrial site",
  "open country",
  "dining room",
  "corridor",
]);
/** Probability that all classes of one place must gather before the place is told. */
const placeScore = 0.8;

/** Sentence whose embedding must agree with the picture before a class is shown. */
export function scenePrompt(name: string): string {
  return `a photo of ${/^[aeiou]/.test(name) ? "an" : "a"} ${name}`;
}

/** Softmax; the scene logits have their temperature folded in. */
export function softmax(logits: Float32Array): number[] {
  const peak = logits.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
  const weights = Array.from(logits, (value) => Math.exp(value - peak));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

/**
 * Judges a picture's scene from the scene head's logits and, per class, the cosine of picture and class
 * words. Throws RangeError when the three lists differ in length.
 */
export function judgeScene(
  logits: Float32Array,
  classes: readonly SceneClass[],
  agreement: readonly number[],
): SceneVerdict {
  if (logits.length !== classes.length || agreement.length !== classes.length) {
    throw new RangeError("scene logits, classes and agreement differ in length");
  }
  const ranked = softmax(logits)
    .map((score, index) => ({
      label: classes[index]?.name ?? otherClass,
      place: classes[index]?.place ?? "none",
      score,
      cosine: agreement[index] ?? 0,
    }))
    .sort((a, b) => b.score - a.score);
  const best = ranked[0];
  const labels = ranked.filter(isShown).map(({ label, score }) => ({ label, score }));
  const unsure = !best || best.score < sureScore || !isShown(best);
  return { labels, place: judgePlace(ranked), unsure };
}

function isShown({ label, score, cosine }: Labelled & { cosine: number }): boolean {
  if (label === otherClass || score < mentionScore) return false;
  return cosine >= (weakClasses.has(label) ? minAgreementOfWeak : minAgreement);
}

/**
 * Inside or outside is safer than the class itself, but only told when head and joint embedding point the
 * same way.
 */
function judgePlace(ranked: readonly { place: SceneClass["place"]; score: number; cosine: number }[]): Place {
  for (const place of ["indoor", "outdoor"] as const) {
    const same = ranked.filter((entry) => entry.place === place);
    const opposite = ranked.filter((entry) => entry.place !== place && entry.place !== "none");
    const gathered = same.reduce((sum, { score }) => sum + score, 0);
    if (gathered >= placeScore && highestCosine(same) > highestCosine(opposite)) return place;
  }
  return "unknown";
}

function highestCosine(entries: readonly { cosine: number }[]): number {
  return entries.reduce((most, { cosine }) => Math.max(most, cosine), -1);
}
