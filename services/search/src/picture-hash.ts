import { type RgbImage, resizePixels } from "@ocelli/inference";
import { sharpnessOf } from "./sharpness.ts";

/** What a picture's pixels say of it beside its embedding. */
export interface PictureMarks {
  /** Perceptual hash, 64 bits as a signed number; null for pictures of hardly more than one tone. */
  hash: bigint | null;
  /** Hashes of the picture turned by 90, 180 and 270 degrees; empty without a hash. */
  turned: bigint[];
  /** 0..1: see {@link sharpnessOf}. */
  sharpness: number;
}

/**
 * Side of the square whose frequencies are looked at, and how many of the lowest are kept per axis: the sizes of "pHash"
 * (C. Zauner, "Implementation and Benchmarking of Perceptual Image Hash Functions", 2010, section 3.2.1).
 */
const side = 32;
const kept = 8;
/** Bits of a hash. */
export const hashBits = kept * kept;
/**
 * Least standard deviation of the small picture's luma, 0..255, for which a hash says something: below, on a grey wall or
 * a black frame, noise alone would decide the bits and every such picture would equal every other.
 */
const leastContrast = 3;

/** `cosines[u * side + x]` of the type-II discrete cosine transform, frequencies 1..8: 0, the brightness, is left out. */
const cosines = Float64Array.from({ length: kept * side }, (_, index) => {
  const frequency = Math.floor(index / side) + 1;
  return Math.cos(((2 * (index % side) + 1) * frequency * Math.PI) / (2 * side));
});

/** Hashes and sharpness of a decoded picture. */
export async function markPicture(image: RgbImage): Promise<PictureMarks> {
  const sharpness = sharpnessOf(image);
  const { data } = await resizePixels(image, { width: side, height: side, fit: "fill" });
  const luma = lumaOf(data);
  if (deviationOf(luma) < leastContrast) return { hash: null, turned: [], sharpness };
  const low = lowFrequencies(luma);
  return { hash: hashOf(low), turned: turns.map((turn) => hashOf(turn(low))), sharpness };
}

/** Bits in which two hashes differ, 0..64. */
export function hashDistance(a: bigint, b: bigint): number {
  let count = 0;
  for (let rest = BigInt.asUintN(64, a ^ b); rest !== 0n; rest &= rest - 1n) count++;
  return count;
}

/** Luma of RGB pixels, 0..255, ITU-R BT.601. */
function lumaOf(rgb: Uint8Array): Float64Array {
  return Float64Array.from({ length: rgb.length / 3 }, (_, pixel) => {
    const at = pixel * 3;
    return 0.299 * (rgb[at] ?? 0) + 0.587 * (rgb[at + 1] ?? 0) + 0.114 * (rgb[at + 2] ?? 0);
  });
}

function deviationOf(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** The lowest 8 x 8 frequencies of a 32 x 32 picture: `[vertical * 8 + horizontal]`. */
function lowFrequencies(luma: Float64Array): Float64Array {
  const rows = new Float64Array(side * kept);
  for (let y = 0; y < side; y++) {
    for (let u = 0; u < kept; u++) {
      let sum = 0;
      for (let x = 0; x < side; x++) sum += (luma[y * side + x] ?? 0) * (cosines[u * side + x] ?? 0);
      rows[y * kept + u] = sum;
    }
  }
  return arrange((v, u) => {
    let sum = 0;
    for (let y = 0; y < side; y++) sum += (rows[y * kept + u] ?? 0) * (cosines[v * side + y] ?? 0);
    return sum;
  });
}

function arrange(valueAt: (v: number, u: number) => number): Float64Array {
  return Float64Array.from({ length: kept * kept }, (_, at) => valueAt(Math.floor(at / kept), at % kept));
}

// Mirroring an axis turns the sign of its odd frequencies, which are those at even places since the first is 1.
const mirrored = (index: number) => (index % 2 === 0 ? -1 : 1);

/** What turning the picture by 90, 180 and 270 degrees makes of its frequencies. */
const turns: readonly ((low: Float64Array) => Float64Array)[] = [
  (low) => arrange((v, u) => mirrored(u) * (low[u * kept + v] ?? 0)),
  (low) => arrange((v, u) => mirrored(u) * mirrored(v) * (low[v * kept + u] ?? 0)),
  (low) => arrange((v, u) => mirrored(v) * (low[u * kept + v] ?? 0)),
];

/** One bit per frequency: whether it is stronger than the middle one. */
function hashOf(low: Float64Array): bigint {
  const sorted = low.toSorted();
  const half = sorted.length / 2;
  const middle = ((sorted[half - 1] ?? 0) + (sorted[half] ?? 0)) / 2;
  let hash = 0n;
  for (const value of low) hash = (hash << 1n) | (value > middle ? 1n : 0n);
  return BigInt.asIntN(64, hash);
}
