import sharp from "sharp";
import { drawSvg, type Mark } from "./svg.ts";

// Previews come one after another and differ: a cache would only hold memory; and several are drawn at a time.
sharp.cache(false);
sharp.concurrency(1);

// A preview has 1440 x 1440 at most.
const maxPixels = 4_000_000;
const timeoutSeconds = 10;

/** Draws marks upon a picture; answers a JPEG of its size without metadata. */
export async function annotate(picture: Uint8Array, marks: readonly Mark[]): Promise<Buffer> {
  const image = sharp(picture, { limitInputPixels: maxPixels, failOn: "error" }).timeout({
    seconds: timeoutSeconds,
  });
  const { width, height } = await image.metadata();
  return image
    .composite([{ input: Buffer.from(drawSvg({ width, height }, marks)) }])
    .jpeg({ quality: 88 })
    .toBuffer();
}
