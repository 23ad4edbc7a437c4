import sharp from "sharp";
import { ImageUnreadable } from "./errors.ts";
import { type PictureFormat, pictureFormat } from "./picture-format.ts";
import type { DecodeOptions, RgbImage } from "./types.ts";

const readsHevc = sharp.format.heif.input.fileSuffix?.includes(".heic") ?? false;

/** Pictures come one after another and differ, so libvips' operation cache only holds memory; one thread each is
 *  best because several pictures are decoded at a time on libuv's threads. */
export function configureSharp(): void {
  sharp.cache(false);
  sharp.concurrency(1);
}

/**
 * Decodes a picture: upright (EXIF orientation applied), sRGB, 8 bit, RGB without alpha, first frame only.
 * Rejects ImageUnreadable (UNSUPPORTED_MEDIA_TYPE, CORRUPT_IMAGE, TOO_MANY_PIXELS); sizes are checked before pixels
 * are decoded.
 */
export async function decodeImage(
  key: string,
  bytes: Uint8Array,
  { maxPixels, maxLongSide }: DecodeOptions & { maxPixels: number },
): Promise<RgbImage> {
  assertReadable(pictureFormat(bytes));
  try {
    const { width, height } = await claimedSize(bytes);
    if (width * height > maxPixels) {
      const message = `The image has ${width} x ${height} pixels; at most ${maxPixels} pixels are accepted.`;
      throw new ImageUnreadable(message, "TOO_MANY_PIXELS");
    }
    const side = maxLongSide === undefined ? {} : { width: maxLongSide, height: maxLongSide };
    const { data, info } = await sharp(bytes, { limitInputPixels: maxPixels, failOn: "error" })
      .rotate()
      .resize({ ...side, fit: "inside", withoutEnlargement: true })
      .toColourspace("srgb")
      .removeAlpha()
      .raw({ depth: "uchar" })
      .toBuffer({ resolveWithObject: true });
    return { key, width: info.width, height: info.height, data: toRgb(data, info.channels) };
  } catch (error) {
    if (error instanceof ImageUnreadable) throw error;
    const message = "The image is damaged or incomplete and cannot be decoded.";
    throw new ImageUnreadable(message, "CORRUPT_IMAGE", error);
  }
}

function assertReadable(format: PictureFormat | undefined): void {
  if (format === "heic" && !readsHevc)
    throw new ImageUnreadable(
      "The file is HEIC, which the image library of this installation cannot read.",
      "UNSUPPORTED_MEDIA_TYPE",
    );
  if (format === undefined)
    throw new ImageUnreadable("The file is not an image of a supported format.", "UNSUPPORTED_MEDIA_TYPE");
}

/** The size in the header. A PNG's is read here: libpng refuses a broken file before it tells how large it claims to be. */
async function claimedSize(bytes: Uint8Array): Promise<{ width: number; height: number }> {
  if (pictureFormat(bytes) === "png" && bytes.byteLength >= 24) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return { width: view.getUint32(16), height: view.getUint32(20) };
  }
  return sharp(bytes, { limitInputPixels: false }).metadata();
}

function toRgb(data: Uint8Array, channels: number): Uint8Array {
  if (channels === 3) return data;
  const pixels = data.length / channels;
  const rgb = new Uint8Array(pixels * 3);
  for (let pixel = 0; pixel < pixels; pixel++)
    rgb.fill(data[pixel * channels] ?? 0, pixel * 3, pixel * 3 + 3);
  return rgb;
}

/** Part of a picture, in whole pixels, inside its bounds. */
export interface Crop {
  left: number;
  top: number;
  width: number;
  height: number;
}

/** What {@link resizePixels} makes of a picture; sizes in pixels. */
export interface ResizeOptions {
  width: number;
  height: number;
  /** "fill" stretches; "contain" keeps the aspect and pads with `background`. */
  fit: "fill" | "contain";
  /** libvips kernel; default lanczos3. */
  kernel?: "nearest" | "linear" | "cubic" | "mitchell" | "lanczos2" | "lanczos3";
  crop?: Crop;
  /** Padding colour of "contain", RGB 0..255; default black. */
  background?: [number, number, number];
  /** Where "contain" puts the picture; default "centre". */
  position?: "centre" | "top-left";
}

/** Resized pixels with the mapping back: `xOut = (xIn - cropLeft) * scaleX + offsetX`, likewise y. */
export interface ResizedPixels {
  /** HWC RGB 0..255, memory of its own. */
  data: Uint8Array;
  width: number;
  height: number;
  scaleX: number;
  scaleY: number;
  offsetX: number;
  offsetY: number;
  cropLeft: number;
  cropTop: number;
}

/** Resizes a decoded picture (or a crop of it). Throws RangeError when the crop leaves the picture. */
export async function resizePixels(image: RgbImage, options: ResizeOptions): Promise<ResizedPixels> {
  const crop = options.crop ?? { left: 0, top: 0, width: image.width, height: image.height };
  assertInside(image, crop);
  const inner = innerSize(crop, options);
  const free = { x: options.width - inner.width, y: options.height - inner.height };
  const centred = options.position !== "top-left";
  const offsetX = centred ? Math.floor(free.x / 2) : 0;
  const offsetY = centred ? Math.floor(free.y / 2) : 0;
  const [r, g, b] = options.background ?? [0, 0, 0];
  let pipeline = sharp(image.data, { raw: { width: image.width, height: image.height, channels: 3 } });
  if (options.crop !== undefined) pipeline = pipeline.extract(crop);
  pipeline = pipeline.resize(inner.width, inner.height, {
    fit: "fill",
    kernel: options.kernel ?? "lanczos3",
  });
  if (free.x > 0 || free.y > 0) {
    const edges = { left: offsetX, right: free.x - offsetX, top: offsetY, bottom: free.y - offsetY };
    pipeline = pipeline.extend({ ...edges, background: { r, g, b } });
  }
  const data = await pipeline.raw().toBuffer();
  const scale = { scaleX: inner.width / crop.width, scaleY: inner.height / crop.height };
  const { width, height } = options;
  return { data, width, height, ...scale, offsetX, offsetY, cropLeft: crop.left, cropTop: crop.top };
}

function innerSize(crop: Crop, options: ResizeOptions): { width: number; height: number } {
  if (options.fit === "fill") return { width: options.width, height: options.height };
  const scale = Math.min(options.width / crop.width, options.height / crop.height);
  const width = Math.max(1, Math.min(options.width, Math.round(crop.width * scale)));
  const height = Math.max(1, Math.min(options.height, Math.round(crop.height * scale)));
  return { width, height };
}

function assertInside(image: RgbImage, crop: Crop): void {
  const { left, top, width, height } = crop;
  const whole = [left, top, width, height].every((value) => Number.isInteger(value) && value >= 0);
  const inside = width > 0 && height > 0 && left + width <= image.width && top + height <= image.height;
  if (!whole || !inside) throw new RangeError(`the crop ${JSON.stringify(crop)} leaves the picture`);
}
