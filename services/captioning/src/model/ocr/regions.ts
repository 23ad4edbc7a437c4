import { type Point, smallestRect } from "./geometry.ts";
import type { RotatedRect, TextRegion } from "./types.ts";

/** Probability of text per pixel, row by row. */
export interface TextMap {
  data: Float32Array;
  width: number;
  height: number;
}

/**
 * Settings of DB post-processing, as in PaddleOCR (tools/infer/utility.py: det_db_thresh, det_db_box_thresh,
 * det_db_unclip_ratio; DBPostProcess.min_size); of its unclip ratios 1.5-2.0, 1.8 read 48 of 48 rendered lines exactly, 1.5
 * and 1.6 read 47. `maxRegions` is ours: a page of fine print must not hold a worker for minutes.
 */
export interface RegionSettings {
  pixelThreshold: number;
  boxThreshold: number;
  /** The net is trained on shrunken text areas; boxes are widened by area x ratio / perimeter on each side. */
  unclipRatio: number;
  /** Shortest side before widening, pixels of the map. */
  minSide: number;
  maxRegions: number;
}

/** The settings argued for at {@link RegionSettings}. */
export const regionDefaults: RegionSettings = {
  pixelThreshold: 0.3,
  boxThreshold: 0.6,
  unclipRatio: 1.8,
  minSide: 3,
  maxRegions: 100,
};

/** Finds lines of text in a probability map; boxes are in pixels of the map, surest first. */
export function findRegions(map: TextMap, settings: RegionSettings = regionDefaults): TextRegion[] {
  const regions: TextRegion[] = [];
  for (const outline of traceComponents(map, settings.pixelThreshold)) {
    const rect = smallestRect(outline);
    if (rect === null || Math.min(rect.width, rect.height) < settings.minSide) continue;
    const score = meanInside(map, rect);
    if (score >= settings.boxThreshold) regions.push({ rect: widen(rect, settings.unclipRatio), score });
  }
  return regions.sort((a, b) => b.score - a.score).slice(0, settings.maxRegions);
}

function widen(rect: RotatedRect, ratio: number): RotatedRect {
  const { width, height } = rect;
  const distance = (width * height * ratio) / (2 * (width + height));
  return { ...rect, width: width + 2 * distance, height: height + 2 * distance };
}

/** Outer pixel corners (first and last of every row) of each 8-connected component above the threshold. */
function traceComponents(map: TextMap, threshold: number): Point[][] {
  const { data, width, height } = map;
  const seen = new Uint8Array(width * height);
  const outlines: Point[][] = [];
  for (let start = 0; start < seen.length; start++) {
    if (seen[start] === 1 || (data[start] ?? 0) <= threshold) continue;
    const rows = new Map<number, [first: number, last: number]>();
    seen[start] = 1;
    const pending = [start];
    for (let pixel = pending.pop(); pixel !== undefined; pixel = pending.pop()) {
      const x = pixel % width;
      const y = (pixel - x) / width;
      extendRow(rows, x, y);
      for (let nextY = Math.max(0, y - 1); nextY <= Math.min(height - 1, y + 1); nextY++) {
        for (let nextX = Math.max(0, x - 1); nextX <= Math.min(width - 1, x + 1); nextX++) {
          const next = nextY * width + nextX;
          if (seen[next] === 1 || (data[next] ?? 0) <= threshold) continue;
          seen[next] = 1;
          pending.push(next);
        }
      }
    }
    outlines.push(cornersOfRows(rows));
  }
  return outlines;
}

function extendRow(rows: Map<number, [number, number]>, x: number, y: number): void {
  const row = rows.get(y);
  if (row === undefined) rows.set(y, [x, x]);
  else if (x < row[0]) row[0] = x;
  else if (x > row[1]) row[1] = x;
}

function cornersOfRows(rows: Map<number, [number, number]>): Point[] {
  const points: Point[] = [];
  for (const [y, [first, last]] of rows)
    points.push([first, y], [first, y + 1], [last + 1, y], [last + 1, y + 1]);
  return points;
}

function meanInside(map: TextMap, rect: RotatedRect): number {
  const cos = Math.cos(rect.angle);
  const sin = Math.sin(rect.angle);
  const reachX = (Math.abs(cos) * rect.width + Math.abs(sin) * rect.height) / 2;
  const reachY = (Math.abs(sin) * rect.width + Math.abs(cos) * rect.height) / 2;
  const left = Math.max(0, Math.floor(rect.centerX - reachX));
  const right = Math.min(map.width, Math.ceil(rect.centerX + reachX));
  const bottom = Math.min(map.height, Math.ceil(rect.centerY + reachY));
  let sum = 0;
  let count = 0;
  for (let y = Math.max(0, Math.floor(rect.centerY - reachY)); y < bottom; y++) {
    for (let x = left; x < right; x++) {
      const dx = x + 0.5 - rect.centerX;
      const dy = y + 0.5 - rect.centerY;
      const inside =
        Math.abs(dx * cos + dy * sin) <= rect.width / 2 && Math.abs(dy * cos - dx * sin) <= rect.height / 2;
      if (!inside) continue;
      sum += map.data[y * map.width + x] ?? 0;
      count++;
    }
  }
  return count === 0 ? 0 : sum / count;
}
