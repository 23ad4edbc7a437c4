import { type Engine, type RgbImage, resizePixels } from "@ocelli/inference";
import { blazefaceSide } from "./blazeface.ts";
import { iou } from "./nms.ts";
import { runBlazeface } from "./run-blazeface.ts";
import type { Detection, PixelBox } from "./types.ts";

/**
 * Faces at or above this are believed at once. The score alone does not tell people from cats below it: on
 * the example photos portraits score .84-.96, the close-up of a cat .80 and a cup of coffee .78 at one size.
 */
const sureScore = 0.9;
/**
 * Views a doubtful face is looked at again in: squares of this many face widths, the picture's outside black. Of seven
 * widths tried from 1.3 to 6 these tell best: a person's face scores high in all, the cat's .30-.32 in the widest.
 */
const viewWidths = [1.3, 4, 6] as const;
/**
 * Mean score of the views from which the face is believed. Measured on montages of the example photos: people's faces
 * of 20 pixels and more .83-.95, the cat .60 at most. With it neither cat nor coffee is a face at any of eight sizes
 * from 1/8 to 1.6: what merely looks like a face at one scale does not at others.
 */
const minViewScore = 0.72;
/**
 * How well the second look must agree on the place, so that a neighbour's face does not vouch for a wrong
 * one.
 */
const minAgreement = 0.3;
/** Lower scores are read as 0. */
const lowestScore = 0.05;

/**
 * The detection with its score averaged over all looks, or undefined when the second look does not find a
 * face.
 */
export async function verifyFace(
  engine: Engine,
  image: RgbImage,
  face: Detection,
): Promise<Detection | undefined> {
  if (face.score >= sureScore) return face;
  const scores = await Promise.all(viewWidths.map((widths) => scoreInView(engine, image, face.box, widths)));
  const sum = scores.reduce((total, score) => total + score, 0);
  if (sum / scores.length < minViewScore) return undefined;
  return { ...face, score: (face.score + sum) / (scores.length + 1) };
}

async function scoreInView(engine: Engine, image: RgbImage, box: PixelBox, widths: number): Promise<number> {
  const side = Math.max(box.width, box.height) * widths;
  const left = box.x + box.width / 2 - side / 2;
  const top = box.y + box.height / 2 - side / 2;
  const view = await squareView(image, left, top, side);
  const scale = blazefaceSide / side;
  const expected = {
    x: (box.x - left) * scale,
    y: (box.y - top) * scale,
    width: box.width * scale,
    height: box.height * scale,
  };
  const candidates = await runBlazeface(engine, view, lowestScore);
  return candidates
    .filter((candidate) => iou(candidate.box, expected) >= minAgreement)
    .reduce((best, { score }) => Math.max(best, score), 0);
}

/** A square of the picture at the detector's size; what lies outside the picture is black. */
async function squareView(image: RgbImage, left: number, top: number, side: number): Promise<Uint8Array> {
  const view = new Uint8Array(blazefaceSide * blazefaceSide * 3);
  const x = clippedSpan(left, side, image.width);
  const y = clippedSpan(top, side, image.height);
  const { data } = await resizePixels(image, {
    width: x.outLength,
    height: y.outLength,
    fit: "fill",
    kernel: "linear",
    crop: { left: x.start, top: y.start, width: x.length, height: y.length },
  });
  const rowBytes = x.outLength * 3;
  for (let row = 0; row < y.outLength; row++) {
    const target = ((row + y.outStart) * blazefaceSide + x.outStart) * 3;
    view.set(data.subarray(row * rowBytes, (row + 1) * rowBytes), target);
  }
  return view;
}

/** Part of a span that lies in the picture (whole pixels, at least one) and where it goes in the view. */
function clippedSpan(
  from: number,
  side: number,
  limit: number,
): { start: number; length: number; outStart: number; outLength: number } {
  const start = Math.min(limit - 1, Math.max(0, Math.round(from)));
  const end = Math.min(limit, Math.max(start + 1, Math.round(from + side)));
  const scale = blazefaceSide / side;
  const outStart = Math.min(blazefaceSide - 1, Math.max(0, Math.round((start - from) * scale)));
  const outEnd = Math.min(blazefaceSide, Math.max(outStart + 1, Math.round((end - from) * scale)));
  return { start, length: end - start, outStart, outLength: outEnd - outStart };
}
