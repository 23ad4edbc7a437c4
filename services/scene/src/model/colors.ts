import { type RgbImage, resizePixels } from "@ocelli/inference";
import { nameColor } from "./color-names.ts";
import { type Oklab, oklabDistance, oklabToHex, rgbToOklab } from "./oklab.ts";
import type { NamedColor } from "./types.ts";

/** Side of the thumbnail that is clustered: 4096 pixels settle shares to well under a percent. */
const sampleSide = 64;
/** Clusters before those of one name are joined; more split shadows, fewer lose small bright things. */
const clusterCount = 8;
/** Lloyd iterations; shares no longer move visibly after about ten. */
const iterations = 12;
/** Smaller shares are noise at this thumbnail size. */
const minShare = 0.03;
const maxColors = 6;

interface Cluster {
  lab: Oklab;
  share: number;
}

/** Dominant colours, largest share first; the same picture always gives the same answer. */
export async function dominantColors(image: RgbImage): Promise<NamedColor[]> {
  const { data } = await resizePixels(image, { width: sampleSide, height: sampleSide, fit: "fill" });
  return colorsOf(data);
}

/** Dominant colours of HWC RGB pixels: k-means in OKLab, then clusters of one name are joined. */
export function colorsOf(pixels: Uint8Array): NamedColor[] {
  const labs: Oklab[] = [];
  for (let at = 0; at + 2 < pixels.length; at += 3) {
    labs.push(rgbToOklab(pixels[at] ?? 0, pixels[at + 1] ?? 0, pixels[at + 2] ?? 0));
  }
  const named = new Map<string, Cluster>();
  for (const cluster of clusterColors(labs).sort((a, b) => b.share - a.share)) {
    const name = nameColor(cluster.lab);
    const known = named.get(name);
    named.set(name, known ? joined(known, cluster) : cluster);
  }
  return [...named]
    .filter(([, { share }]) => share >= minShare)
    .sort(([, a], [, b]) => b.share - a.share)
    .slice(0, maxColors)
    .map(([name, { lab, share }]) => ({
      name,
      hex: oklabToHex(lab),
      share: Math.round(share * 1000) / 1000,
    }));
}

/** The larger cluster's colour stands for both: a mean of two shades is a shade the picture may not hold. */
function joined(larger: Cluster, smaller: Cluster): Cluster {
  return { lab: larger.lab, share: larger.share + smaller.share };
}

function clusterColors(labs: readonly Oklab[]): Cluster[] {
  let centres = firstCentres(labs);
  let counts: number[] = [];
  for (let iteration = 0; iteration < iterations; iteration++) {
    const sums = centres.map(() => [0, 0, 0, 0]);
    for (const lab of labs) {
      const sum = sums[nearest(centres, lab)] ?? [];
      for (let axis = 0; axis < 3; axis++) sum[axis] = (sum[axis] ?? 0) + (lab[axis] ?? 0);
      sum[3] = (sum[3] ?? 0) + 1;
    }
    centres = centres.map((centre, index) => {
      const [lightness = 0, a = 0, b = 0, count = 0] = sums[index] ?? [];
      return count > 0 ? [lightness / count, a / count, b / count] : centre;
    });
    counts = sums.map((sum) => sum[3] ?? 0);
  }
  return centres.map((lab, index) => ({ lab, share: (counts[index] ?? 0) / labs.length }));
}

/** Farthest-point seeding from the mean: no randomness, and a small bright thing gets a centre of its own. */
function firstCentres(labs: readonly Oklab[]): Oklab[] {
  const mean = [0, 1, 2].map((axis) => labs.reduce((sum, lab) => sum + (lab[axis] ?? 0), 0) / labs.length);
  const centres: Oklab[] = [[mean[0] ?? 0, mean[1] ?? 0, mean[2] ?? 0]];
  const distances = labs.map((lab) => oklabDistance(lab, centres[0] ?? lab));
  while (centres.length < Math.min(clusterCount, labs.length)) {
    let farthest = 0;
    for (let index = 1; index < labs.length; index++) {
      if ((distances[index] ?? 0) > (distances[farthest] ?? 0)) farthest = index;
    }
    const next = labs[farthest];
    if (!next || (distances[farthest] ?? 0) === 0) break;
    centres.push(next);
    for (const [index, lab] of labs.entries()) {
      distances[index] = Math.min(distances[index] ?? 0, oklabDistance(lab, next));
    }
  }
  return centres;
}

function nearest(centres: readonly Oklab[], lab: Oklab): number {
  let best = 0;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const [index, centre] of centres.entries()) {
    const distance = oklabDistance(centre, lab);
    if (distance < bestDistance) {
      best = index;
      bestDistance = distance;
    }
  }
  return best;
}
