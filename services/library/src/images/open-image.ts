import { open } from "node:fs/promises";
import { AppError } from "@ocelli/chassis";
import sharp, { type Metadata, type Sharp, type SharpOptions } from "sharp";
import {
  corruptImage,
  decodingTooSlow,
  tooManyBytes,
  tooManyPixels,
  unsupportedMediaType,
} from "./errors.ts";
import type { HeicDecoder } from "./heic/heic-decoder.ts";
import { findHeifCodec } from "./heic/heif-codec.ts";
import { type MetadataBlocks, metadataBlocksOf } from "./metadata/blocks.ts";
import { copyExifOfTiff } from "./raw/exif-block.ts";
import { inspectRaw, type RawPreview } from "./raw/raw-preview.ts";
import { headBytes, type ImageFormat, pngHeaderSize, sniffFormat } from "./sniff.ts";

/** Limits of everything that is opened: probed, decoded or searched for metadata. */
export interface DecodeLimits {
  /** Bytes of the file. */
  maxBytes: number;
  /** Width times height. */
  maxPixels: number;
  /** Of the probe, and again of the decoding. */
  timeoutMs: number;
}

/** What {@link openImage} needs besides a file. */
export interface ImageAccess {
  limits: DecodeLimits;
  /** For pictures that the image library does not decode itself. */
  heic: HeicDecoder;
}

/** An image whose header is known and within the limits; nothing is decoded yet. */
export interface OpenedImage {
  mediaType: string;
  /** Upright. */
  width: number;
  /** Upright. */
  height: number;
  /** What decoding costs, in pixels of an ordinary picture. */
  cost: number;
  metadata: MetadataBlocks;
  /** Starts a pipeline that yields the first frame upright. @throws AppError as {@link openImage}. */
  decode(): Promise<Sharp>;
}

/** A file on its way to be opened. */
interface Candidate {
  path: string;
  format: ImageFormat;
  sizeBytes: number;
  access: ImageAccess;
}

// Pictures come one after another and differ, so libvips' operation cache would only hold memory and open files;
// one thread each, because several are decoded at a time.
sharp.cache(false);
sharp.concurrency(1);

const readsHevc = sharp.format.heif.input.fileSuffix?.includes(".heic") ?? false;
// A decoder in WebAssembly holds planes, RGBA and the copies that are handed over.
const heicCost = 3;

/**
 * The only way an image file is opened: size, type by content, then header, then pixel limit, all with one set of limits.
 * @throws AppError INVALID_ARGUMENT/{UNSUPPORTED_MEDIA_TYPE,CORRUPT_IMAGE,TOO_MANY_PIXELS},
 *   RESOURCE_EXHAUSTED/FILE_TOO_LARGE.
 */
export async function openImage(path: string, access: ImageAccess): Promise<OpenedImage> {
  const { maxBytes, timeoutMs } = access.limits;
  const { sizeBytes, head } = await readHead(path);
  if (sizeBytes > maxBytes) throw tooManyBytes(maxBytes);
  const candidate = { path, format: await sniffFormat(head), sizeBytes, access };
  return withinTime(probe(candidate, head), timeoutMs);
}

async function probe(candidate: Candidate, head: Buffer): Promise<OpenedImage> {
  const { path, format, access } = candidate;
  const claimed = pngHeaderSize(head);
  if (claimed && claimed.width * claimed.height > access.limits.maxPixels)
    throw tooManyPixels(access.limits.maxPixels, claimed);
  if (format === "tiff" || format === "raf") {
    const raw = await openRaw(candidate);
    if (raw) return raw;
  }
  const metadata = await probeHeader(path, access.limits);
  if (metadata.format !== format) throw corruptImage("The file mixes several image formats.");
  const mediaType = format === "heif" ? await heifTypeOf(path) : `image/${format}`;
  const { width, height } = metadata.autoOrient;
  const hevc = mediaType === "image/heic" && !readsHevc;
  const blocks = metadataBlocksOf(metadata);
  const exif = format === "tiff" && !blocks.exif ? await readExifOfTiff(candidate) : undefined;
  return {
    mediaType,
    width,
    height,
    cost: width * height * (hevc ? heicCost : 1),
    metadata: exif ? { ...blocks, exif } : blocks,
    decode: async () =>
      hevc
        ? pipeline(await access.heic.decode(path, metadata.icc), access.limits)
        : pipeline(path, access.limits).autoOrient(),
  };
}

/** The JPEG that a camera put into its raw file, standing for it. */
async function openRaw({ path, sizeBytes, format, access }: Candidate): Promise<OpenedImage | undefined> {
  const file = await open(path, "r");
  try {
    const raw = await inspectRaw(file, sizeBytes);
    if (!raw) {
      if (format === "raf") throw corruptImage();
      return undefined;
    }
    const { mediaType, preview } = raw;
    if (!preview) throw unsupportedMediaType(`a raw file (${mediaType}) without a large preview inside`);
    const bytes = Buffer.alloc(preview.length);
    await file.read(bytes, 0, preview.length, preview.offset);
    const metadata = await probeHeader(bytes, access.limits);
    if (metadata.format !== "jpeg") throw corruptImage();
    const own = metadataBlocksOf(metadata);
    const exif = (await copyExifOfTiff(file, sizeBytes)) ?? own.exif;
    const turn = metadata.orientation === undefined ? preview.orientation : undefined;
    const isTurned = turn !== undefined && turn >= 5 && turn <= 8;
    const { width, height } = metadata.autoOrient;
    return {
      mediaType,
      width: isTurned ? height : width,
      height: isTurned ? width : height,
      cost: width * height,
      metadata: exif ? { ...own, exif } : own,
      decode: () => decodePreview(path, preview, turn, access.limits),
    };
  } finally {
    await file.close();
  }
}

async function decodePreview(
  path: string,
  preview: RawPreview,
  turn: number | undefined,
  limits: DecodeLimits,
): Promise<Sharp> {
  const file = await open(path, "r");
  try {
    const bytes = Buffer.alloc(preview.length);
    await file.read(bytes, 0, preview.length, preview.offset);
    const image = pipeline(bytes, limits);
    if (turn === undefined) return image.autoOrient();
    const [degrees, mirrored] = turns[turn] ?? [0, false];
    return (mirrored ? image.flop() : image).rotate(degrees);
  } finally {
    await file.close();
  }
}

/** What an EXIF orientation asks for: a left-right mirror, then degrees clockwise. */
const turns: Readonly<Record<number, readonly [degrees: number, mirrored: boolean]>> = {
  2: [0, true],
  3: [180, false],
  4: [180, true],
  5: [270, true],
  6: [90, false],
  7: [90, true],
  8: [270, false],
};

async function readExifOfTiff({ path, sizeBytes }: Candidate): Promise<Buffer | undefined> {
  const file = await open(path, "r");
  try {
    return await copyExifOfTiff(file, sizeBytes);
  } finally {
    await file.close();
  }
}

async function probeHeader(input: string | Buffer, limits: DecodeLimits): Promise<Metadata> {
  const metadata = await sharp(input, inputOptions(limits))
    .metadata()
    .catch((error: unknown) => Promise.reject(toImageError(error, limits)));
  const { width, height } = metadata.autoOrient;
  if (!(width > 0 && height > 0)) throw corruptImage();
  if (width * height > limits.maxPixels) throw tooManyPixels(limits.maxPixels, { width, height });
  return metadata;
}

function pipeline(input: string | Uint8Array, limits: DecodeLimits): Sharp {
  const seconds = Math.min(3600, Math.max(1, Math.ceil(limits.timeoutMs / 1000)));
  return sharp(input, inputOptions(limits)).timeout({ seconds });
}

function inputOptions({ maxPixels }: DecodeLimits): SharpOptions {
  // Damaged pixels and missing ends are refused; odd metadata is not.
  return { limitInputPixels: maxPixels, failOn: "error", pages: 1 };
}

async function readHead(path: string): Promise<{ sizeBytes: number; head: Buffer }> {
  const file = await open(path, "r");
  try {
    const { size } = await file.stat();
    const head = Buffer.alloc(Math.min(headBytes, size));
    await file.read(head, 0, head.byteLength, 0);
    return { sizeBytes: size, head };
  } finally {
    await file.close();
  }
}

/** A probe that hangs keeps its thread, but nobody waits for it. */
async function withinTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(decodingTooSlow(timeoutMs)), timeoutMs);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Says what a decoder's failure means to whoever sent the file. */
export function toImageError(error: unknown, limits: DecodeLimits): AppError {
  if (error instanceof AppError) return error;
  const message = error instanceof Error ? error.message : "";
  if (message.includes("exceeds pixel limit")) return tooManyPixels(limits.maxPixels);
  return message.includes("timeout:") ? decodingTooSlow(limits.timeoutMs) : corruptImage();
}

async function heifTypeOf(path: string): Promise<string> {
  const codec = await findHeifCodec(path);
  if (codec === "other") throw unsupportedMediaType("a HEIF picture in an unusual compression");
  return codec === "av1" ? "image/avif" : "image/heic";
}
