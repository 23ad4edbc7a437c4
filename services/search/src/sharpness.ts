import type { RgbImage } from "@ocelli/inference";

/**
 * Variance of the Laplacian at which a picture is half sharp. The measure is J. L. Pech-Pacheco's ("Diatom autofocusing in
 * brightfield microscopy", 2000); 100 is the customary line between blurred and sharp, and divides our test photos so: 50
 * to 1,500 as they are, 13 to 110 blurred by one pixel, 3 to 16 by two.
 */
const middle = 100;
/** Every second pixel of every second row is looked at: a quarter of the time for the same figure within a few percent. */
const step = 2;

/**
 * How sharp a picture is, 0..1, from the variance of its green channel's Laplacian. Comparable between pictures of one
 * size only: what is shrunk looks sharper.
 */
export function sharpnessOf({ width, height, data }: RgbImage): number {
  let count = 0;
  let sum = 0;
  let squares = 0;
  const row = width * 3;
  for (let y = 1; y < height - 1; y += step) {
    for (let x = 1; x < width - 1; x += step) {
      const at = y * row + x * 3 + 1;
      const around =
        (data[at - 3] ?? 0) + (data[at + 3] ?? 0) + (data[at - row] ?? 0) + (data[at + row] ?? 0);
      const value = 4 * (data[at] ?? 0) - around;
      count++;
      sum += value;
      squares += value * value;
    }
  }
  if (count === 0) return 0;
  const variance = squares / count - (sum / count) ** 2;
  return variance / (variance + middle);
}
