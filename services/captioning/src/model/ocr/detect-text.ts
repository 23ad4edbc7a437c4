import { type Engine, floats, type RgbImage, type RunOptions, resizePixels } from "@ocelli/inference";
import { scaleRect } from "./geometry.ts";
import { findRegions, type RegionSettings, regionDefaults } from "./regions.ts";
import type { TextRegion } from "./types.ts";

/** Manifest id of the text detector (PP-OCRv4 det, a DB net). */
export const detectModelId = "ocr-detect";

/** The net halves its input five times. */
const sideMultiple = 32;

/** ImageNet mean and deviation x 255, in tensor order. PaddleOCR reads pictures with OpenCV, so the net saw BGR with
 *  these numbers unswapped; measured: RGB and BGR differ by less than .01 in box score on our test pictures. */
const mean: [number, number, number] = [123.675, 116.28, 103.53];
const std: [number, number, number] = [58.395, 57.12, 57.375];

/** Lines of text in the picture, in its own pixels. `maxSide`: the picture is shrunk to it, never enlarged. */
export async function detectText(
  engine: Engine,
  image: RgbImage,
  maxSide: number,
  options: RunOptions,
  settings: RegionSettings = regionDefaults,
): Promise<TextRegion[]> {
  const scale = Math.min(1, maxSide / Math.max(image.width, image.height));
  const width = roundSide(image.width * scale);
  const height = roundSide(image.height * scale);
  const { data } = await resizePixels(image, { width, height, fit: "fill", kernel: "linear" });
  const dims = [1, 3, height, width];
  const x = { type: "pixels", dims, data, layout: "nchw", order: "bgr", mean, std } as const;
  const { outputs } = await engine.run(detectModelId, { x }, { ...options, consume: true, batch: false });
  const map = { data: floats(detectModelId, outputs, "sigmoid_0.tmp_0"), width, height };
  return findRegions(map, settings).map((region) => ({
    ...region,
    rect: scaleRect(region.rect, image.width / width, image.height / height),
  }));
}

function roundSide(side: number): number {
  return Math.max(1, Math.round(side / sideMultiple)) * sideMultiple;
}
