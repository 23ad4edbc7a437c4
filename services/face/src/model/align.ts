import type { RgbImage } from "@ocelli/inference";
import { applySimilarity, fitSimilarity, invertSimilarity, type Similarity } from "./similarity.ts";
import type { Point } from "./types.ts";

/**
 * Side and padding of the face chip dlib_face_recognition_resnet_model_v1 was trained on (dlib,
 * get_face_chip_details).
 */
export const chipSide = 150;
const chipPadding = 0.25;

/**
 * dlib's mean face in the unit square (`mean_face_shape_x/y`, average positions of points 17..67 of the
 * 68-point annotation, dlib/image_transforms/interpolation.h), reduced to the points BlazeFace gives: each
 * eye is the mean of its six points (36..41, 42..47), the nose is its tip (30), the mouth is the mean of its
 * corners (48, 54).
 */
const meanFace: readonly Point[] = [
  [0.225492, 0.21599],
  [0.754761, 0.21599],
  [0.490127, 0.515625],
  [0.490127, 0.780233],
];

/**
 * Where right eye, left eye, nose tip and mouth centre belong on the 150 pixel chip: dlib's (padding + p) /
 * (1 + 2 padding).
 */
export const chipTemplate: readonly Point[] = meanFace.map(
  ([x, y]): Point => [
    ((chipPadding + x) / (1 + 2 * chipPadding)) * chipSide,
    ((chipPadding + y) / (1 + 2 * chipPadding)) * chipSide,
  ],
);

/** Samples per chip pixel and axis at most: keeps a face of 600 pixels free of aliasing at a bounded cost. */
const maxOversampling = 4;

/**
 * Picture pixels to chip pixels for a face with BlazeFace's six points. Throws RangeError on degenerate
 * points.
 */
export function chipTransform(landmarks: readonly Point[]): Similarity {
  return fitSimilarity(landmarks.slice(0, chipTemplate.length), chipTemplate);
}

/**
 * Cuts the upright, aligned chip: 150 x 150 HWC RGB. Each chip pixel is the mean of a grid of bilinear
 * samples, as dense as the picture is larger than the chip; outside the picture the nearest edge pixel is
 * repeated.
 */
export function cutChip(image: RgbImage, landmarks: readonly Point[]): Uint8Array {
  const toPicture = invertSimilarity(chipTransform(landmarks));
  const scale = Math.hypot(toPicture.a, toPicture.b);
  const samples = Math.min(maxOversampling, Math.max(1, Math.round(scale)));
  const chip = new Uint8Array(chipSide * chipSide * 3);
  const sum = new Float64Array(3);
  for (let row = 0; row < chipSide; row++) {
    for (let column = 0; column < chipSide; column++) {
      sum.fill(0);
      for (let sample = 0; sample < samples * samples; sample++) {
        const x = column + ((sample % samples) + 0.5) / samples - 0.5;
        const y = row + (Math.floor(sample / samples) + 0.5) / samples - 0.5;
        addBilinear(image, applySimilarity(toPicture, [x, y]), sum);
      }
      const at = (row * chipSide + column) * 3;
      for (let channel = 0; channel < 3; channel++) {
        chip[at + channel] = Math.round((sum[channel] ?? 0) / (samples * samples));
      }
    }
  }
  return chip;
}

function addBilinear({ data, width, height }: RgbImage, [x, y]: Point, sum: Float64Array): void {
  const clampedX = Math.min(Math.max(x, 0), width - 1);
  const clampedY = Math.min(Math.max(y, 0), height - 1);
  const left = Math.floor(clampedX);
  const top = Math.floor(clampedY);
  const right = Math.min(left + 1, width - 1);
  const bottom = Math.min(top + 1, height - 1);
  const weightX = clampedX - left;
  const weightY = clampedY - top;
  for (let channel = 0; channel < 3; channel++) {
    const at = (column: number, row: number): number => data[(row * width + column) * 3 + channel] ?? 0;
    const upper = at(left, top) * (1 - weightX) + at(right, top) * weightX;
    const lower = at(left, bottom) * (1 - weightX) + at(right, bottom) * weightX;
    sum[channel] = (sum[channel] ?? 0) + upper * (1 - weightY) + lower * weightY;
  }
}
