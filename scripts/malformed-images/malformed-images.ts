import { disguisedCases } from "./disguised-cases.ts";
import { gifCases } from "./gif-cases.ts";
import { heifCases } from "./heif-cases.ts";
import { jpegCases } from "./jpeg-cases.ts";
import type { MalformedImage } from "./malformed-image.ts";
import { metadataCases } from "./metadata-cases.ts";
import { pngCases } from "./png-cases.ts";
import { rawCases } from "./raw-cases.ts";
import { seededDamage } from "./seeded-damage.ts";
import { soundImages } from "./sound-images.ts";
import { tiffCases } from "./tiff-cases.ts";
import { webpCases } from "./webp-cases.ts";

export type { Expectation, MalformedImage } from "./malformed-image.ts";

/** The seed of the files that the tests of every run use. */
export const usualSeed = 20_260;

/**
 * Files that no sound encoder would write, of every format that is read and of many that are not: the same ones for the
 * same seed, which decides where the damage without knowledge of the format falls.
 */
export async function* malformedImages(seed = usualSeed): AsyncGenerator<MalformedImage> {
  const sound = await soundImages();
  yield* pngCases(sound);
  yield* jpegCases(sound);
  yield* webpCases(sound);
  yield* gifCases();
  yield* tiffCases();
  yield* rawCases(sound);
  yield* heifCases(sound);
  yield* metadataCases(sound);
  yield* disguisedCases(sound, seed);
  for (const [kind, bytes] of Object.entries(sound)) yield* seededDamage(kind, bytes, seed);
}
