import type { FileHandle } from "node:fs/promises";
import { readTiffDirectories, type TiffDirectory, type TiffFile } from "./tiff-directories.ts";

/** A field with its value. */
interface CopiedField {
  tag: number;
  type: number;
  count: number;
  value: Buffer;
}

const exifPointer = 0x8769;
const gpsPointer = 0x8825;
const long = 4;
const maxValueBytes = 4096;
const maxFieldsEach = 128;
const stringTags = [0x10e, 0x10f, 0x110, 0x131, 0x132, 0x13b, 0x8298];

/**
 * Copies what EXIF knows of a TIFF or raw file into a small TIFF of its own: in such files EXIF is no block, its parts
 * lie anywhere among the pixels.
 * @returns undefined when there is nothing.
 */
export async function copyExifOfTiff(file: FileHandle, sizeBytes: number): Promise<Buffer | undefined> {
  const tiff = await readTiffDirectories(file, sizeBytes);
  const [main] = tiff?.directories ?? [];
  if (!tiff || !main) return undefined;
  const follow = async (pointer: number) => {
    const [offset] = await tiff.numbers(main, pointer);
    const directory = offset ? await tiff.directoryAt(offset) : undefined;
    return directory ? copyFields(tiff, directory) : [];
  };
  const [plain, exif, gps] = [
    await copyFields(tiff, main, stringTags),
    await follow(exifPointer),
    await follow(gpsPointer),
  ];
  return plain.length + exif.length + gps.length > 0 ? build(tiff.littleEndian, plain, exif, gps) : undefined;
}

async function copyFields(
  tiff: TiffFile,
  directory: TiffDirectory,
  wanted?: readonly number[],
): Promise<CopiedField[]> {
  const copied: CopiedField[] = [];
  for (const [tag, field] of directory) {
    if (copied.length >= maxFieldsEach || (wanted && !wanted.includes(tag))) continue;
    const value = await tiff.bytesOf(field, maxValueBytes);
    if (value) copied.push({ tag, type: field.type, count: field.count, value });
  }
  return copied;
}

function build(littleEndian: boolean, plain: CopiedField[], exif: CopiedField[], gps: CopiedField[]): Buffer {
  const lengthOf = (fields: number) => 2 + fields * 12 + 4;
  const pointers = [...(exif.length > 0 ? [exifPointer] : []), ...(gps.length > 0 ? [gpsPointer] : [])];
  const exifAt = 8 + lengthOf(plain.length + pointers.length);
  const gpsAt = exifAt + (exif.length > 0 ? lengthOf(exif.length) : 0);
  const valuesAt = gpsAt + (gps.length > 0 ? lengthOf(gps.length) : 0);
  const total = [...plain, ...exif, ...gps].reduce((sum, { value }) => sum + value.byteLength, valuesAt);
  const block = Buffer.alloc(total);
  const u16 = (value: number, at: number) =>
    littleEndian ? block.writeUInt16LE(value, at) : block.writeUInt16BE(value, at);
  const u32 = (value: number, at: number) =>
    littleEndian ? block.writeUInt32LE(value, at) : block.writeUInt32BE(value, at);
  let nextValue = valuesAt;
  const writeDirectory = (at: number, fields: readonly CopiedField[]) => {
    u16(fields.length, at);
    fields.forEach(({ tag, type, count, value }, index) => {
      const entry = at + 2 + index * 12;
      u16(tag, entry);
      u16(type, entry + 2);
      u32(count, entry + 4);
      if (value.byteLength > 4) {
        u32(nextValue, entry + 8);
        nextValue += value.copy(block, nextValue);
      } else value.copy(block, entry + 8);
    });
  };
  const pointerTo = (tag: number): CopiedField => {
    const value = Buffer.alloc(4);
    const target = tag === exifPointer ? exifAt : gpsAt;
    if (littleEndian) value.writeUInt32LE(target);
    else value.writeUInt32BE(target);
    return { tag, type: long, count: 1, value };
  };
  block.write(littleEndian ? "II*\0" : "MM\0*", 0, "latin1");
  u32(8, 4);
  writeDirectory(8, [...plain, ...pointers.map(pointerTo)]);
  if (exif.length > 0) writeDirectory(exifAt, exif);
  if (gps.length > 0) writeDirectory(gpsAt, gps);
  return block;
}
