import { AppError } from "@ocelli/chassis";
import sharp, { type Metadata, type Sharp } from "sharp";
import { corruptImage, tooManyPixels, unsupportedMediaType } from "./errors.ts";
import { type ImageFormat, pngHeaderSize, sniffFormat } from "./sniff.ts";

/** Limits of everything that is decoded. */
export interface DecodeLimits {
  /** Width times height. */
  maxPixels: number;
  timeoutMs: number;
}

/** An image whose header is known and within the limits; nothing is decoded yet. */
export interface OpenedImage {
  mediaType: string;
  /** Upright. */
  width: number;
  /** Upright. */
  height: number;
  /** Raw EXIF block, if any. */
  exif: Buffer | undefined;
  /** A decoding pipeline that yields the first frame upright. */
  decode(): Sharp;
}

// Pictures come one after another and differ, so libvips' operation cache would only hold memory and open files;
// one thread each, because several are decoded at a time.
sharp.cache(false);
sharp.concurrency(1);

const readsHevc = sharp.format.heif.input.fileSuffix?.includes(".heic") ?? false;
const maxHeaderBytes = 4 * 1024 * 1024;

/**
 * The only way an image file is opened: type by content, then header, then pixel limit, all with one set of limits.
 * @throws AppError INVALID_ARGUMENT/{UNSUPPORTED_MEDIA_TYPE,CORRUPT_IMAGE,TOO_MANY_PIXELS}.
 */
export async function openImage(path: string, head: Uint8Array, limits: DecodeLimits): Promise<OpenedImage> {
  const format = await sniffFormat(head);
  if (format === "heic" && !readsHevc) throw unreadableHeic();
  const claimed = pngHeaderSize(head);
  if (claimed && claimed.width * claimed.height > limits.maxPixels)
    throw tooManyPixels(limits.maxPixels, claimed);
  const input = {
    limitInputPixels: limits.maxPixels,
    // Damaged pixels and missing ends are refused; odd metadata is not.
    failOn: "error",
    pages: 1,
  } as const;
  const metadata = await sharp(path, input)
    .metadata()
    .catch((error: unknown) => Promise.reject(toImageError(error, limits)));
  const { width, height } = metadata.autoOrient;
  if (!(width > 0 && height > 0)) throw corruptImage();
  if (width * height > limits.maxPixels) throw tooManyPixels(limits.maxPixels, { width, height });
  return {
    mediaType: mediaTypeOf(format, metadata),
    width,
    height,
    exif: metadata.exif && metadata.exif.byteLength <= maxHeaderBytes ? metadata.exif : undefined,
    decode: () =>
      sharp(path, input)
        .timeout({ seconds: Math.min(3600, Math.max(1, Math.ceil(limits.timeoutMs / 1000))) })
        .autoOrient(),
  };
}

/** Says what a decoder's failure means to whoever sent the file. */
export function toImageError(error: unknown, limits: DecodeLimits): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : "";
  if (message.includes("exceeds pixel limit")) return tooManyPixels(limits.maxPixels);
  if (message.includes("timeout:")) {
    return corruptImage(`The image takes longer than ${limits.timeoutMs} ms to decode.`);
  }
  return corruptImage();
}

/** The decoder's own view of the file must agree with the sniffed one: no file is two formats at once. */
function mediaTypeOf(format: ImageFormat, metadata: Metadata): string {
  const decoded = format === "heic" ? "heif" : format;
  if (metadata.format !== decoded) throw corruptImage("The file mixes several image formats.");
  if (decoded !== "heif") return `image/${format}`;
  if (metadata.compression === "av1") return "image/avif";
  if (!readsHevc) throw unreadableHeic();
  return "image/heic";
}

function unreadableHeic(): AppError {
  return unsupportedMediaType("HEIC, which the image library of this installation cannot read");
}
