import type { RgbImage } from "@ocelli/inference";
import sharp from "sharp";
import type { PixelBox } from "./types.ts";

/** Share of a face's box that is added on each side: hair and chin make a face known to humans. */
const margin = 0.3;
/** Longest side of a cut-out in pixels: twice that of the largest list entry of the usual front-ends. */
const maxSide = 256;
/** Largest stored cut-out; noise of 256 pixels at the lowest of the qualities has about 20 KiB. */
export const maxCropBytes = 64 * 1024;
/** Tried in turn until a cut-out is small enough. The first one serves all but noise. */
const qualities = [82, 60, 30];

/** Whole pixels of a picture. */
export interface CropArea {
  left: number;
  top: number;
  width: number;
  height: number;
}

/**
 * Cuts a face out of its picture: a JPEG without metadata, at most 256 pixels wide and high and {@link maxCropBytes}
 * long. Never enlarged.
 * @param box - in fractions of the picture.
 */
export async function cutCrop({ data, width, height }: RgbImage, box: PixelBox): Promise<Uint8Array> {
  const area = cropArea(box, width, height);
  const pixels = await sharp(data, { raw: { width, height, channels: 3 } })
    .extract(area)
    .resize({ width: maxSide, height: maxSide, fit: "inside", withoutEnlargement: true })
    .raw()
    .toBuffer({ resolveWithObject: true });
  const { info } = pixels;
  const raw = { width: info.width, height: info.height, channels: info.channels };
  for (const quality of qualities) {
    const jpeg = await sharp(pixels.data, { raw }).jpeg({ quality }).toBuffer();
    if (jpeg.byteLength <= maxCropBytes) return new Uint8Array(jpeg);
  }
  throw new RangeError(`a cut-out of ${info.width} x ${info.height} pixels has no JPEG small enough`);
}

/** The square around a face with its margin, moved into the picture, and cut where the picture is too small for it. */
export function cropArea(box: PixelBox, width: number, height: number): CropArea {
  const side = Math.max(box.width * width, box.height * height) * (1 + 2 * margin);
  const across = span((box.x + box.width / 2) * width, side, width);
  const down = span((box.y + box.height / 2) * height, side, height);
  return { left: across.start, top: down.start, width: across.length, height: down.length };
}

function span(centre: number, side: number, limit: number): { start: number; length: number } {
  const length = Math.min(limit, Math.max(1, Math.round(side)));
  const start = Math.min(limit - length, Math.max(0, Math.round(centre - length / 2)));
  return { start, length };
}
