import type { RgbImage } from "@ocelli/inference";
import type { RotatedRect } from "./types.ts";

/** Height the recogniser was trained on, pixels (PaddleOCR rec_image_shape "3,48,320"). */
export const stripHeight = 48;

/** Strips are padded to one of these widths, so that lines of similar length share a batch; longer lines are squeezed. */
export const stripWidths = [160, 320, 480, 640, 960, 1280, 1920] as const;

/** Grey padding: (127.5/255-.5)/.5 = 0, the padding value of PaddleOCR's resize_norm_img. */
const padding = 128;

/** Samples per strip pixel and axis when shrinking: bounds the time one huge line takes from the event loop. */
const maxSamples = 4;

/** How a region is laid into the strip; text running up or down a sign is turned by a quarter. */
export type Turn = "upright" | "clockwise" | "counter-clockwise";

/** HWC RGB strip, `stripHeight` tall. */
export interface Strip {
  data: Uint8Array;
  width: number;
}

/** Cuts a rotated rectangle (pixels of the picture) out of the picture as an upright strip, padded on the right. */
export function cutStrip(image: RgbImage, rect: RotatedRect, turn: Turn): Strip {
  const laid = layDown(rect, turn);
  const natural = Math.max(1, Math.round((stripHeight * laid.width) / Math.max(1, laid.height)));
  const width =
    stripWidths.find((candidate) => candidate >= natural) ?? stripWidths[stripWidths.length - 1] ?? 1920;
  const used = Math.min(natural, width);
  const data = new Uint8Array(stripHeight * width * 3).fill(padding);
  const cos = Math.cos(laid.angle);
  const sin = Math.sin(laid.angle);
  const stepU = laid.width / used;
  const stepV = laid.height / stripHeight;
  // Several samples per pixel when shrinking: single samples would break thin strokes.
  const samplesU = Math.max(1, Math.min(maxSamples, Math.round(stepU)));
  const samplesV = Math.max(1, Math.min(maxSamples, Math.round(stepV)));
  const sum = new Float64Array(3);
  for (let row = 0; row < stripHeight; row++) {
    for (let column = 0; column < used; column++) {
      sum.fill(0);
      for (let sample = 0; sample < samplesU * samplesV; sample++) {
        const u = (column + ((sample % samplesU) + 0.5) / samplesU) * stepU - laid.width / 2;
        const v = (row + (Math.floor(sample / samplesU) + 0.5) / samplesV) * stepV - laid.height / 2;
        addSample(image, laid.centerX + u * cos - v * sin - 0.5, laid.centerY + u * sin + v * cos - 0.5, sum);
      }
      const target = (row * width + column) * 3;
      for (let channel = 0; channel < 3; channel++)
        data[target + channel] = Math.round((sum[channel] ?? 0) / (samplesU * samplesV));
    }
  }
  return { data, width };
}

function layDown(rect: RotatedRect, turn: Turn): RotatedRect {
  if (turn === "upright") return rect;
  const angle = rect.angle + (turn === "clockwise" ? Math.PI / 2 : -Math.PI / 2);
  return { ...rect, width: rect.height, height: rect.width, angle };
}

/** Bilinear sample, the border repeated outside the picture, added to `sum`. */
function addSample(image: RgbImage, x: number, y: number, sum: Float64Array): void {
  const clampedX = Math.max(0, Math.min(image.width - 1, x));
  const clampedY = Math.max(0, Math.min(image.height - 1, y));
  const left = Math.floor(clampedX);
  const top = Math.floor(clampedY);
  const fractionX = clampedX - left;
  const fractionY = clampedY - top;
  const nextX = left + 1 < image.width ? 3 : 0;
  const nextY = top + 1 < image.height ? image.width * 3 : 0;
  const base = (top * image.width + left) * 3;
  for (let channel = 0; channel < 3; channel++) {
    const at = base + channel;
    const upper = (image.data[at] ?? 0) * (1 - fractionX) + (image.data[at + nextX] ?? 0) * fractionX;
    const lower =
      (image.data[at + nextY] ?? 0) * (1 - fractionX) + (image.data[at + nextY + nextX] ?? 0) * fractionX;
    sum[channel] = (sum[channel] ?? 0) + upper * (1 - fractionY) + lower * fractionY;
  }
}
