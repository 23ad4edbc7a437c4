import { chipSide } from "./align.ts";
import type { Detection, Point } from "./types.ts";

/**
 * Face width in pixels at which trust begins and is full. Measured AUC of the embedding: 1.000 at full size,
 * .999/.987 at 32 pixels, .974/.910 at 22 (model card); people services elsewhere use 20-50 pixels as their
 * gate.
 */
const smallestWidth = 16;
const fullWidth = 64;
/**
 * Variance of the Laplacian of the grey chip: the example portraits give 170-870, the same blurred by 3 chip
 * pixels 2-6.
 */
const blurredVariance = 5;
const sharpVariance = 80;
/** Offset of the nose from the middle of the eyes in eye distances: below .15 frontal, at .6 a profile. */
const frontalOffset = 0.15;
const profileOffset = 0.6;
/** The least a single factor leaves, so that one bad factor lowers the quality without hiding the others. */
const floor = 0.1;

/**
 * Trust in a face's embedding, 0..1: product of size, sharpness, frontal-ness and detector score. Nothing is
 * dropped for it: callers gate on it (faces below about .25 should not found a person).
 */
export function faceQuality(detection: Detection, chip: Uint8Array): number {
  const size = ramp(Math.min(detection.box.width, detection.box.height), smallestWidth, fullWidth);
  const sharpness = logRamp(laplacianVariance(chip, chipSide), blurredVariance, sharpVariance);
  const frontal = 1 - ramp(noseOffset(detection.landmarks), frontalOffset, profileOffset);
  const factors = [size, sharpness, frontal].map((factor) => floor + (1 - floor) * factor);
  return factors.reduce((product, factor) => product * factor, detection.score);
}

/**
 * Sideways offset of the nose tip from the middle of the eyes, along the line of the eyes, in eye distances.
 */
export function noseOffset([rightEye, leftEye, nose]: readonly Point[]): number {
  if (!rightEye || !leftEye || !nose) return profileOffset;
  const axis: Point = [leftEye[0] - rightEye[0], leftEye[1] - rightEye[1]];
  const square = axis[0] ** 2 + axis[1] ** 2;
  if (square < 1e-9) return profileOffset;
  const middle: Point = [(leftEye[0] + rightEye[0]) / 2, (leftEye[1] + rightEye[1]) / 2];
  return Math.abs((nose[0] - middle[0]) * axis[0] + (nose[1] - middle[1]) * axis[1]) / square;
}

/**
 * Variance of the 4-neighbour Laplacian over the inner half of a square RGB picture (the face without hair
 * and background): small when blurred (Pech-Pacheco et al. 2000, "Diatom autofocusing").
 */
export function laplacianVariance(pixels: Uint8Array, side: number): number {
  const grey = (x: number, y: number): number => {
    const at = (y * side + x) * 3;
    return 0.299 * (pixels[at] ?? 0) + 0.587 * (pixels[at + 1] ?? 0) + 0.114 * (pixels[at + 2] ?? 0);
  };
  const from = Math.max(1, Math.floor(side / 4));
  const to = Math.min(side - 1, Math.ceil((side * 3) / 4));
  let count = 0;
  let sum = 0;
  let squares = 0;
  for (let y = from; y < to; y++) {
    for (let x = from; x < to; x++) {
      const value = grey(x - 1, y) + grey(x + 1, y) + grey(x, y - 1) + grey(x, y + 1) - 4 * grey(x, y);
      count++;
      sum += value;
      squares += value * value;
    }
  }
  return count > 0 ? squares / count - (sum / count) ** 2 : 0;
}

function ramp(value: number, low: number, high: number): number {
  return Math.min(1, Math.max(0, (value - low) / (high - low)));
}

function logRamp(value: number, low: number, high: number): number {
  return ramp(Math.log(Math.max(value, 1e-6)), Math.log(low), Math.log(high));
}
