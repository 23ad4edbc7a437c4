import type { Engine, RgbImage, RunOptions } from "@ocelli/inference";
import type { Reading } from "./ctc.ts";
import { detectModelId, detectText } from "./detect-text.ts";
import { corners } from "./geometry.ts";
import { sortForReading } from "./reading-order.ts";
import { loadCharacters, recognizeModelId, recognizeRegion } from "./recognize-text.ts";
import type { Box, RotatedRect, TextLine, TextRegion } from "./types.ts";

/** Raise when processing around the models changes what is read from the same picture. */
const processingVersion = 1;

/** Shorter readings need more certainty: one or two characters are what texture is misread as. */
const minScore = 0.6;
const minShortScore = 0.85;
const shortLength = 2;

/** Strips waiting at the engine at a time: two batches of four, so that one page cannot fill its queue. */
const stripsInFlight = 8;

/** Options of `readText`; deadline and signal go to every model run. */
export interface ReadTextOptions extends Pick<RunOptions, "deadlineMs" | "signal"> {
  /** Longest side the detector sees, pixels; default 736. Larger finds smaller print and costs in proportion to the area. */
  maxSide?: number;
}

/** What was read in one picture. */
export interface TextReading {
  /** In reading order; empty when there is no legible text. */
  lines: TextLine[];
  /** Ids and versions of models and processing. */
  model: string;
  /** Wall-clock milliseconds, waiting for the engine included. */
  ms: number;
}

/** The string stored with every reading: readings with another one are recomputed. */
export function textModelVersion(engine: Engine): string {
  const models = [detectModelId, recognizeModelId].map((id) => engine.model(id));
  return [...models.map(({ id, version }) => `${id}@${version}`), `ocr-processing@${processingVersion}`].join(
    "+",
  );
}

/**
 * Reads the text in a picture, line by line, up to 100 lines. A picture without text costs the detector only.
 * Rejects with the engine's errors (overload, deadline, missing model).
 */
export async function readText(
  engine: Engine,
  image: RgbImage,
  options: ReadTextOptions = {},
): Promise<TextReading> {
  const started = performance.now();
  const { maxSide = 736, ...runOptions } = options;
  const regions = await detectText(engine, image, maxSide, runOptions);
  const lines = regions.length === 0 ? [] : await readRegions(engine, image, regions, runOptions);
  return { lines, model: textModelVersion(engine), ms: performance.now() - started };
}

async function readRegions(
  engine: Engine,
  image: RgbImage,
  regions: readonly TextRegion[],
  options: RunOptions,
): Promise<TextLine[]> {
  const characters = await loadCharacters(engine);
  // Neighbours of similar shape get strips of the same width, which is what the engine can batch.
  const queue = [...regions].sort((a, b) => aspect(a.rect) - aspect(b.rect)).values();
  const read: { rect: RotatedRect; reading: Reading }[] = [];
  const work = async (): Promise<void> => {
    for (const { rect } of queue)
      read.push({ rect, reading: await recognizeRegion(engine, image, rect, characters, options) });
  };
  await Promise.all(Array.from({ length: stripsInFlight }, work));
  const legible = read.filter(({ reading }) => isLegible(reading));
  return sortForReading(legible).map(({ rect, reading }) => ({ ...reading, box: boxAround(rect, image) }));
}

function aspect(rect: RotatedRect): number {
  return rect.width / Math.max(1, rect.height);
}

/** Whether a reading is sure enough to show: text with a letter or digit, and short ones only when very sure. */
export function isLegible({ text, score }: Reading): boolean {
  const signs = text.match(/[\p{L}\p{N}]/gu)?.length ?? 0;
  return signs > 0 && score >= (signs <= shortLength ? minShortScore : minScore);
}

function boxAround(rect: RotatedRect, image: RgbImage): Box {
  const points = corners(rect);
  const across = points.map(([x]) => clampFraction(x / image.width));
  const down = points.map(([, y]) => clampFraction(y / image.height));
  const x = Math.min(...across);
  const y = Math.min(...down);
  return { x, y, width: Math.max(...across) - x, height: Math.max(...down) - y };
}

function clampFraction(value: number): number {
  return Math.max(0, Math.min(1, value));
}
