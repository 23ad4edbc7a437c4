import { mkdtemp, open, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@ocelli/chassis";
import { decodeImage, ImageUnreadable } from "@ocelli/inference";
import sharp from "sharp";
import { createHeicDecoder } from "../../services/library/src/images/heic/heic-decoder.ts";
import { findHeifCodec } from "../../services/library/src/images/heic/heif-codec.ts";
import { readMetadata } from "../../services/library/src/images/metadata/metadata.ts";
import { type ImageAccess, openImage } from "../../services/library/src/images/open-image.ts";
import { copyExifOfTiff } from "../../services/library/src/images/raw/exif-block.ts";
import { findJpegFrame } from "../../services/library/src/images/raw/jpeg-header.ts";
import { inspectRaw } from "../../services/library/src/images/raw/raw-preview.ts";
import { makeRenditions, previewSide } from "../../services/library/src/images/renditions.ts";
import type { MalformedImage } from "./malformed-image.ts";

/** What all decoders together made of one file. */
export interface Verdict {
  name: string;
  /** `accepted`, or the reason of the refusal; of the library, and of the services that analyse what is not stored. */
  library: string;
  inference: string;
  ms: number;
  /** What must not be; empty when all is well. */
  problems: string[];
}

/** Everything that opens pictures, with limits small enough for tests. */
export interface Decoders {
  judge(image: MalformedImage): Promise<Verdict>;
  close(): Promise<void>;
}

/** Limits of the decoders under test. */
export const testLimits = { maxBytes: 20_000_000, maxPixels: 4_000_000, timeoutMs: 5000 } as const;
// A probe and a decoding may each take their time, on a machine that is busy with other tests.
const maxMs = 2 * testLimits.timeoutMs + 5000;
const maxMetadataCharacters = 64 * 1024;
const refusals: ReadonlySet<string> = new Set([
  "UNSUPPORTED_MEDIA_TYPE",
  "CORRUPT_IMAGE",
  "TOO_MANY_PIXELS",
  "FILE_TOO_LARGE",
]);

/** Opens the decoders; files pass through a folder of their own. */
export async function openDecoders(now: Date): Promise<Decoders> {
  const folder = await mkdtemp(join(tmpdir(), "ocelli-malformed-"));
  const access: ImageAccess = { limits: testLimits, heic: createHeicDecoder(testLimits) };
  let files = 0;
  return {
    async judge(image) {
      const path = join(folder, String(files++));
      await writeFile(path, image.bytes);
      const startedAt = performance.now();
      const problems: string[] = [];
      const library = await outcome(() => decodeInLibrary(path, access, now), problems);
      const inference = await outcome(() => decodeForModels(image.bytes), problems);
      await readEverywhere(path, image.bytes, now).catch((error: unknown) =>
        problems.push(`a reader: ${error}`),
      );
      const ms = performance.now() - startedAt;
      if (ms > maxMs) problems.push(`${Math.round(ms)} ms`);
      const isAccepted = library === "accepted";
      if (image.expectation !== "either" && isAccepted !== (image.expectation === "accepted")) {
        problems.push(`${library}, expected to be ${image.expectation}`);
      }
      await rm(path);
      return { name: image.name, library, inference, ms, problems };
    },
    async close() {
      await access.heic.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Runs a decoder: `accepted`, or the reason of a refusal; anything else is noted as a problem. */
async function outcome(decode: () => Promise<string[]>, problems: string[]): Promise<string> {
  try {
    problems.push(...(await decode()));
    return "accepted";
  } catch (error) {
    const isTyped = error instanceof AppError || error instanceof ImageUnreadable;
    if (isTyped && refusals.has(error.reason)) return error.reason;
    problems.push(`no refusal but ${error instanceof Error ? (error.stack ?? error) : error}`);
    return "failed";
  }
}

async function decodeInLibrary(path: string, access: ImageAccess, now: Date): Promise<string[]> {
  const image = await openImage(path, access);
  const metadata = await readMetadata(image.metadata, now);
  const { preview, thumbnail } = await makeRenditions(image, testLimits);
  const problems: string[] = [];
  if (image.width * image.height > testLimits.maxPixels)
    problems.push(`${image.width} x ${image.height} pixels`);
  if (JSON.stringify(metadata).length > maxMetadataCharacters) problems.push("metadata without bounds");
  const said = JSON.stringify(metadata);
  // JSON writes them as escapes.
  if (/\\u00[01]|\\ud[89a-f]/i.test(said)) problems.push(`control characters in ${said.slice(0, 200)}`);
  for (const rendition of [preview, thumbnail]) {
    const { format, width, height } = await sharp(rendition).metadata();
    if (format !== "jpeg" || Math.max(width, height) > previewSide)
      problems.push(`a ${format} of ${width} x ${height}`);
  }
  return problems;
}

async function decodeForModels(bytes: Uint8Array): Promise<string[]> {
  const { width, height, data } = await decodeImage("malformed", bytes, {
    maxPixels: testLimits.maxPixels,
    maxLongSide: previewSide,
  });
  const isWhole = data.byteLength === width * height * 3 && Math.max(width, height) <= previewSide;
  return isWhole ? [] : [`${data.byteLength} bytes for ${width} x ${height}`];
}

/** Readers that only see files of their kind otherwise: none may throw, whatever it is given. */
async function readEverywhere(path: string, bytes: Uint8Array<ArrayBuffer>, now: Date): Promise<void> {
  const file = await open(path, "r");
  try {
    await inspectRaw(file, bytes.byteLength);
    await copyExifOfTiff(file, bytes.byteLength);
  } finally {
    await file.close();
  }
  findJpegFrame(Buffer.from(bytes.buffer));
  await findHeifCodec(path);
  const block = Buffer.from(bytes.buffer, 0, Math.min(bytes.byteLength, 100_000));
  await readMetadata({ exif: block, xmp: block, iptc: block }, now);
}
