import type { FileHandle } from "node:fs/promises";
import { findJpegFrame, type JpegFrame, jpegHeadBytes } from "./jpeg-header.ts";
import { readAt, readTiffDirectories, type TiffDirectory, type TiffFile } from "./tiff-directories.ts";

/** A camera's raw file and the JPEG in it. */
export interface RawFile {
  mediaType: string;
  /** The largest JPEG in it; undefined when there is none of a useful size. */
  preview: RawPreview | undefined;
}

/** Where a JPEG lies within a raw file. */
export interface RawPreview extends JpegFrame {
  offset: number;
  length: number;
  /** EXIF orientation of the raw file, for previews that carry none. */
  orientation: number;
}

// Below this a "preview" is a thumbnail, not a photo.
const minLongSide = 1000;
const maxCandidates = 64;
const tags = {
  make: 0x10f,
  compression: 0x103,
  orientation: 0x112,
  stripOffsets: 0x111,
  stripLengths: 0x117,
  jpegOffset: 0x201,
  jpegLength: 0x202,
  photometric: 0x106,
  dngVersion: 0xc612,
} as const;
// Pixels of a sensor: colour filter array, or linear raw.
const sensorPhotometrics = new Set([32803, 34892]);
const canonSignature = "CR";
const rafSignature = "FUJIFILMCCD-RAW ";

/**
 * Recognises a camera's raw file and finds its preview, reading only directories and JPEG headers.
 * @returns undefined for files that are not raw, ordinary TIFFs among them.
 */
export async function inspectRaw(file: FileHandle, sizeBytes: number): Promise<RawFile | undefined> {
  const head = await readAt(file, 0, Math.min(16, sizeBytes), sizeBytes);
  if (head?.toString("latin1") === rafSignature) return inspectRaf(file, sizeBytes);
  const tiff = await readTiffDirectories(file, sizeBytes);
  const mediaType = tiff && head && (await rawTypeOf(file, sizeBytes, head, tiff));
  if (!mediaType) return undefined;
  const candidates: Array<[offset: number, length: number]> = [];
  for (const directory of tiff.directories) candidates.push(...(await jpegsIn(tiff, directory)));
  const [first] = tiff.directories;
  const [orientation = 1] = first ? await tiff.numbers(first, tags.orientation) : [];
  return { mediaType, preview: await largest(file, sizeBytes, candidates, orientation) };
}

async function inspectRaf(file: FileHandle, sizeBytes: number): Promise<RawFile> {
  const range = await readAt(file, 84, 8, sizeBytes);
  const candidates: Array<[number, number]> = range ? [[range.readUInt32BE(0), range.readUInt32BE(4)]] : [];
  return { mediaType: "image/x-fujifilm-raf", preview: await largest(file, sizeBytes, candidates, 1) };
}

async function rawTypeOf(
  file: FileHandle,
  sizeBytes: number,
  head: Buffer,
  tiff: TiffFile,
): Promise<string | undefined> {
  if (head.toString("latin1", 8, 10) === canonSignature) return "image/x-canon-cr2";
  const [first] = tiff.directories;
  if (!first) return undefined;
  if (first.has(tags.dngVersion)) return "image/x-adobe-dng";
  const photometrics = await Promise.all(
    tiff.directories.map((each) => tiff.numbers(each, tags.photometric)),
  );
  if (!photometrics.flat().some((value) => sensorPhotometrics.has(value))) return undefined;
  const field = first.get(tags.make);
  const make = field && (await readAt(file, field.offset, Math.min(field.byteLength, 16), sizeBytes));
  const maker = make?.toString("latin1").toUpperCase() ?? "";
  if (maker.startsWith("NIKON")) return "image/x-nikon-nef";
  if (maker.startsWith("SONY")) return "image/x-sony-arw";
  return "image/x-raw";
}

/** JPEGs that a directory points at: as a thumbnail is, or as its only strip. */
async function jpegsIn(tiff: TiffFile, directory: TiffDirectory): Promise<Array<[number, number]>> {
  const numbers = (tag: number) => tiff.numbers(directory, tag);
  const [offset] = await numbers(tags.jpegOffset);
  const [length] = await numbers(tags.jpegLength);
  const found: Array<[number, number]> = offset && length ? [[offset, length]] : [];
  const [compression] = await numbers(tags.compression);
  const [strips, lengths] = [await numbers(tags.stripOffsets), await numbers(tags.stripLengths)];
  const [strip, stripLength] = [strips[0], lengths[0]];
  if ((compression === 6 || compression === 7) && strips.length === 1 && strip && stripLength) {
    found.push([strip, stripLength]);
  }
  return found;
}

async function largest(
  file: FileHandle,
  sizeBytes: number,
  candidates: ReadonlyArray<readonly [offset: number, length: number]>,
  orientation: number,
): Promise<RawPreview | undefined> {
  let best: RawPreview | undefined;
  for (const [offset, length] of candidates.slice(0, maxCandidates)) {
    if (offset + length > sizeBytes) continue;
    const head = await readAt(file, offset, Math.min(length, jpegHeadBytes), sizeBytes);
    const frame = head && findJpegFrame(head);
    if (!frame || Math.max(frame.width, frame.height) < minLongSide) continue;
    const isLarger = !best || frame.width * frame.height > best.width * best.height;
    if (isLarger) best = { ...frame, offset, length, orientation };
  }
  return best;
}
