import type { FileHandle } from "node:fs/promises";

/** One field of a directory. */
export interface TiffField {
  /** Type as in the TIFF specification: 1 byte, 2 text, 3 short, 4 long, 7 bytes, … */
  type: number;
  count: number;
  /** Where its value lies in the file. */
  offset: number;
  byteLength: number;
}

/** A directory: fields by tag. */
export type TiffDirectory = ReadonlyMap<number, TiffField>;

/** A TIFF whose directories were read; no pixel was. */
export interface TiffFile {
  littleEndian: boolean;
  /** All directories in the order they were found, the first is that of the file. */
  directories: TiffDirectory[];
  /** Reads another directory, that of a pointer field for one. */
  directoryAt(offset: number): Promise<TiffDirectory | undefined>;
  /** The bytes of a field of at most `maxBytes`. */
  bytesOf(field: TiffField, maxBytes: number): Promise<Buffer | undefined>;
  /** Whole numbers of a field (byte, short, long); at most 16 of them, empty when there are none. */
  numbers(directory: TiffDirectory, tag: number): Promise<number[]>;
}

const maxDirectories = 32;
const maxFields = 512;
const maxNumbers = 16;
const subDirectoriesTag = 0x14a;
const typeSizes = [0, 1, 1, 2, 4, 8, 1, 1, 2, 4, 8, 4, 8, 4];

/**
 * Reads the directories of a TIFF, chained ones and sub-directories, each once. Reads a bounded number of small pieces
 * whatever the file says.
 * @returns undefined when the file is no TIFF.
 */
export async function readTiffDirectories(
  file: FileHandle,
  sizeBytes: number,
): Promise<TiffFile | undefined> {
  const header = await readAt(file, 0, 8, sizeBytes);
  const littleEndian = header?.toString("latin1", 0, 4) === "II*\0";
  if (!header || !(littleEndian || header.toString("latin1", 0, 4) === "MM\0*")) return undefined;
  const tiff: TiffFile = {
    littleEndian,
    directories: [],
    async numbers(directory, tag) {
      const field = directory.get(tag);
      return field ? readNumbers(file, sizeBytes, field, littleEndian) : [];
    },
    directoryAt: async (offset) => (await readDirectory(file, sizeBytes, offset, littleEndian))?.directory,
    bytesOf: async (field, maxBytes) =>
      field.byteLength <= maxBytes ? readAt(file, field.offset, field.byteLength, sizeBytes) : undefined,
  };
  const waiting = [littleEndian ? header.readUInt32LE(4) : header.readUInt32BE(4)];
  const seen = new Set<number>();
  for (let at = waiting.shift(); at !== undefined && seen.size < maxDirectories; at = waiting.shift()) {
    if (at === 0 || seen.has(at)) continue;
    seen.add(at);
    const found = await readDirectory(file, sizeBytes, at, littleEndian);
    if (!found) continue;
    tiff.directories.push(found.directory);
    waiting.push(...(await tiff.numbers(found.directory, subDirectoriesTag)), found.next);
  }
  return tiff;
}

async function readDirectory(
  file: FileHandle,
  sizeBytes: number,
  at: number,
  littleEndian: boolean,
): Promise<{ directory: TiffDirectory; next: number } | undefined> {
  const start = await readAt(file, at, 2, sizeBytes);
  if (!start) return undefined;
  const count = littleEndian ? start.readUInt16LE(0) : start.readUInt16BE(0);
  if (count === 0 || count > maxFields) return undefined;
  const bytes = await readAt(file, at + 2, count * 12, sizeBytes);
  if (!bytes) return undefined;
  const directory = new Map<number, TiffField>();
  const u16 = (offset: number) => (littleEndian ? bytes.readUInt16LE(offset) : bytes.readUInt16BE(offset));
  const u32 = (offset: number) => (littleEndian ? bytes.readUInt32LE(offset) : bytes.readUInt32BE(offset));
  for (let index = 0; index < count; index++) {
    const entry = index * 12;
    const type = u16(entry + 2);
    const valueCount = u32(entry + 4);
    const byteLength = (typeSizes[type] ?? 0) * valueCount;
    const inline = byteLength <= 4;
    directory.set(u16(entry), {
      type,
      count: valueCount,
      byteLength,
      offset: inline ? at + 2 + entry + 8 : u32(entry + 8),
    });
  }
  const end = await readAt(file, at + 2 + count * 12, 4, sizeBytes);
  const next = end ? (littleEndian ? end.readUInt32LE(0) : end.readUInt32BE(0)) : 0;
  return { directory, next };
}

async function readNumbers(
  file: FileHandle,
  sizeBytes: number,
  field: TiffField,
  littleEndian: boolean,
): Promise<number[]> {
  const width = typeSizes[field.type] ?? 0;
  const isWhole = [1, 3, 4, 7, 13].includes(field.type);
  if (!isWhole || field.count === 0 || field.count > maxNumbers) return [];
  const bytes = await readAt(file, field.offset, field.byteLength, sizeBytes);
  if (!bytes) return [];
  return Array.from({ length: field.count }, (_, index) =>
    littleEndian ? bytes.readUIntLE(index * width, width) : bytes.readUIntBE(index * width, width),
  );
}

/** Bytes of a file; undefined unless all of them are there. */
export async function readAt(
  file: FileHandle,
  offset: number,
  length: number,
  sizeBytes: number,
): Promise<Buffer | undefined> {
  if (offset < 0 || length < 0 || offset + length > sizeBytes) return undefined;
  const bytes = Buffer.alloc(length);
  const { bytesRead } = await file.read(bytes, 0, length, offset);
  return bytesRead === length ? bytes : undefined;
}
