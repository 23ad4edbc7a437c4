import type { Labelled } from "./types.ts";

/** Cosine below which a thing is not named (model card: "cut at ~.45"; unrelated pairs score -.1-.25). */
const minCosine = 0.45;
/**
 * How many standard deviations above the mean of all things a tag must stand. Some pictures are near to
 * everything: the cup of coffee scores .50-.57 with twenty things (spoon, dishwasher, milk ...), none above
 * 2.5 deviations, while the right tags of the other measured pictures stand at 3.2-5.2 ("cat" 3.2, "sunset"
 * 3.3, "suit and tie" 5.1) and the best wrong ones at 3.2 and a cosine below .45.
 */
const minDeviations = 3;
/** The same for things that a detected object confirms: two models agree, so less is asked of each. */
const confirmedCosine = 0.4;
const confirmedDeviations = 1.8;
/** Objects below this do not confirm a tag: at .40 the detector's precision is 68 % (model card). */
const confirmingScore = 0.4;
const maxTags = 8;

/**
 * Tags that name what the detector calls otherwise; a tag equal to the object's label is confirmed anyway.
 */
const confirmedBy: Readonly<Record<string, readonly string[]>> = {
  person: ["man", "woman", "boy", "girl", "child", "crowd", "couple", "family", "group of people"],
  tie: ["suit and tie", "suit"],
  cat: ["kitten", "tabby cat"],
  dog: ["puppy", "black dog", "white dog", "brown dog", "small dog", "dog on a leash"],
  cup: ["coffee mug", "coffee", "cup of coffee"],
  "wine glass": ["glass of wine"],
  bottle: ["bottle of wine"],
  couch: ["sofa"],
  tv: ["television"],
  laptop: ["computer"],
  keyboard: ["computer keyboard"],
  donut: ["doughnut"],
  "dining table": ["table", "wooden table"],
  chair: ["wooden chair", "armchair"],
  motorcycle: ["scooter", "dirt bike"],
  bicycle: ["mountain bike"],
  boat: ["sailboat", "rowing boat", "ship", "ferry", "motorboat", "canoe", "kayak"],
  airplane: ["fighter jet"],
  bus: ["double decker bus", "school bus"],
  train: ["steam train", "subway train"],
  truck: ["pickup truck", "fire truck"],
  car: ["sports car", "old car", "taxi"],
  "sports ball": ["ball", "soccer ball", "basketball", "football"],
  cake: ["birthday cake"],
  bear: ["polar bear"],
  bed: ["bedroom"],
};

/**
 * Chooses the things to name from their cosines with the picture (`cosines[n]` belongs to `things[n]`), best
 * first, at most eight. No tag is better than a wrong one: a thing must be near to the picture, stand out
 * among all things, or be confirmed by a detected object. `score` is the cosine.
 */
export function chooseTags(
  things: readonly string[],
  cosines: readonly number[],
  objects: readonly Labelled[],
): Labelled[] {
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const variance = cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0) / cosines.length;
  const deviation = Math.sqrt(variance) || 1;
  const confirmed = confirmedTags(objects);
  return things
    .map((label, index) => ({ label, score: cosines[index] ?? 0 }))
    .filter(({ label, score }) => {
      const deviations = (score - mean) / deviation;
      if (score >= minCosine && deviations >= minDeviations) return true;
      return confirmed.has(label) && score >= confirmedCosine && deviations >= confirmedDeviations;
    })
    .sort((a, b) => b.score - a.score)
    .slice(0, maxTags);
}

function confirmedTags(objects: readonly Labelled[]): Set<string> {
  const sure = objects.filter(({ score }) => score >= confirmingScore);
  return new Set(sure.flatMap(({ label }) => [label, ...(confirmedBy[label] ?? [])]));
}
