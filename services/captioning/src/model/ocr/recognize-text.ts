import { type Engine, floats, InputInvalid, type RgbImage, type RunOptions } from "@ocelli/inference";
import { decodeCtc, parseCharacters, type Reading } from "./ctc.ts";
import { cutStrip, type Strip, stripHeight, type Turn } from "./straighten.ts";
import type { RotatedRect } from "./types.ts";

/** Manifest id of the recogniser (PP-OCRv4 rec, CTC). */
export const recognizeModelId = "ocr-recognize";

/** Regions this much taller than wide hold turned text (PaddleOCR get_rotate_crop_image: 1.5). */
const turnedRatio = 1.5;

/** Normalisation of PaddleOCR resize_norm_img: (v/255-.5)/.5. */
const half: [number, number, number] = [127.5, 127.5, 127.5];

/** Characters of the recogniser, from the pack's key file. */
export async function loadCharacters(engine: Engine): Promise<string[]> {
  return parseCharacters(await engine.data("ocr-keys"));
}

/** Reads one region; text that runs up or down is tried both ways and the surer reading kept. */
export async function recognizeRegion(
  engine: Engine,
  image: RgbImage,
  rect: RotatedRect,
  characters: readonly string[],
  options: RunOptions,
): Promise<Reading> {
  const tall = rect.height >= turnedRatio * rect.width;
  const turns: Turn[] = tall ? ["clockwise", "counter-clockwise"] : ["upright"];
  const readings: Reading[] = [];
  for (const turn of turns)
    readings.push(await readStrip(engine, cutStrip(image, rect, turn), characters, options));
  return readings.reduce((best, reading) => (reading.score > best.score ? reading : best));
}

async function readStrip(
  engine: Engine,
  strip: Strip,
  characters: readonly string[],
  options: RunOptions,
): Promise<Reading> {
  const dims = [1, 3, stripHeight, strip.width];
  const pixels = { type: "pixels", dims, data: strip.data, layout: "nchw", order: "bgr" } as const;
  const x = { ...pixels, mean: half, std: half };
  const { outputs } = await engine.run(recognizeModelId, { x }, { ...options, consume: true });
  const probabilities = floats(recognizeModelId, outputs, "softmax_11.tmp_0");
  const steps = outputs["softmax_11.tmp_0"]?.dims[1];
  if (steps === undefined) throw new InputInvalid("the recogniser's output has no step dimension");
  return decodeCtc(probabilities, steps, characters);
}
