import { cocoLabels } from "./coco-labels.ts";
import type { Box, DetectedObject } from "./types.ts";

/** Side of NanoDet-g's input (RangiLyu/nanodet, nanodet-g.yml: input_size 416 x 416, keep_ratio false). */
export const nanodetSide = 416;

/** Mean and standard deviation in BGR order, 0..255 (nanodet-g.yml: normalize). */
export const nanodetMean: [number, number, number] = [103.53, 116.28, 123.675];
/** See {@link nanodetMean}. */
export const nanodetStd: [number, number, number] = [57.375, 57.12, 58.395];

/**
 * Strides of the three heads and their output names in the shipped file: scores (sigmoid applied) and
 * distributions.
 */
export const nanodetHeads = [
  { stride: 8, scores: "Identity", distances: "Identity_3" },
  { stride: 16, scores: "Identity_1", distances: "Identity_4" },
  { stride: 32, scores: "Identity_2", distances: "Identity_5" },
] as const;

/**
 * Distances 0..10 strides per side (nanodet-g.yml: reg_max 10), read as a distribution: generalized focal
 * loss.
 */
const bins = 11;

/** One head's outputs. */
export interface NanodetHead {
  /** cells x 80 probabilities, row by row. */
  scores: Float32Array;
  /** cells x 4 x 11 logits: left, top, right, bottom. */
  distances: Float32Array;
}

/** Expected value of a softmax over `logits[start .. start + 11)`: the distance in strides. */
export function expectedDistance(logits: Float32Array, start: number): number {
  let peak = Number.NEGATIVE_INFINITY;
  for (let bin = 0; bin < bins; bin++) peak = Math.max(peak, logits[start + bin] ?? 0);
  let total = 0;
  let weighted = 0;
  for (let bin = 0; bin < bins; bin++) {
    const weight = Math.exp((logits[start + bin] ?? 0) - peak);
    total += weight;
    weighted += weight * bin;
  }
  return weighted / total;
}

/**
 * Objects at or above `minScore`, before suppression, with boxes in fractions of the picture (the picture is
 * stretched to the square input, so the square's fractions are the picture's). Throws RangeError on outputs
 * of another shape.
 */
export function decodeNanodet(heads: readonly NanodetHead[], minScore: number): DetectedObject[] {
  const found: DetectedObject[] = [];
  for (const [level, { stride }] of nanodetHeads.entries()) {
    const side = nanodetSide / stride;
    const head = heads[level];
    if (
      head?.scores.length !== side * side * cocoLabels.length ||
      head.distances.length !== side * side * 4 * bins
    ) {
      throw new RangeError(`object detector head ${level}: unexpected shape`);
    }
    for (let index = 0; index < head.scores.length; index++) {
      const score = head.scores[index] ?? 0;
      if (score < minScore) continue;
      const cell = Math.floor(index / cocoLabels.length);
      const label = cocoLabels[index % cocoLabels.length] ?? "";
      found.push({ label, score, box: decodeBox(head.distances, cell, side, stride) });
    }
  }
  return found;
}

function decodeBox(distances: Float32Array, cell: number, side: number, stride: number): Box {
  const centreX = (cell % side) + 0.5;
  const centreY = Math.floor(cell / side) + 0.5;
  const distance = (edge: number): number => expectedDistance(distances, (cell * 4 + edge) * bins);
  const fraction = (strides: number): number => Math.min(1, Math.max(0, (strides * stride) / nanodetSide));
  const x = fraction(centreX - distance(0));
  const y = fraction(centreY - distance(1));
  return { x, y, width: fraction(centreX + distance(2)) - x, height: fraction(centreY + distance(3)) - y };
}
