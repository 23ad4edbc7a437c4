import type { FileHandle } from "node:fs/promises";
import { damaged } from "./format.ts";
import { blockBytes, checksumOf } from "./tar-writer.ts";

/** A plain file in an archive. */
export interface TarEntry {
  name: string;
  /** Where its content begins. */
  offset: number;
  size: number;
}

/**
 * Goes from header to header of an archive that `TarWriter` made. Nothing is extracted by name and nothing is held in
 * memory but a header; links, folders, extended headers and whatever else a tar may hold are refused.
 * @throws StartupError for anything else, and for an archive that was cut off.
 */
export async function* readEntries(file: FileHandle): AsyncGenerator<TarEntry> {
  const { size: end } = await file.stat();
  const header = Buffer.alloc(blockBytes);
  for (let position = 0; ; ) {
    await readBlock(file, header, position);
    if (header.every((byte) => byte === 0)) return await checkEnd(file, header, position + blockBytes, end);
    const { name, size } = parseHeader(header);
    const offset = position + blockBytes;
    position = offset + Math.ceil(size / blockBytes) * blockBytes;
    if (position > end) throw cutOff();
    yield { name, offset, size };
  }
}

/** The content of an entry in chunks. */
export async function* readContent(file: FileHandle, { offset, size }: TarEntry): AsyncGenerator<Buffer> {
  for (let done = 0; done < size; ) {
    const buffer = Buffer.allocUnsafe(Math.min(64 * 1024, size - done));
    const { bytesRead } = await file.read(buffer, 0, buffer.byteLength, offset + done);
    if (bytesRead === 0) throw cutOff();
    done += bytesRead;
    yield buffer.subarray(0, bytesRead);
  }
}

async function readBlock(file: FileHandle, block: Buffer, position: number): Promise<void> {
  const { bytesRead } = await file.read(block, 0, blockBytes, position);
  if (bytesRead < blockBytes) throw cutOff();
}

async function checkEnd(file: FileHandle, block: Buffer, position: number, end: number): Promise<void> {
  await readBlock(file, block, position);
  if (!block.every((byte) => byte === 0)) throw damaged("the archive is damaged");
  if (position + blockBytes !== end) throw damaged("something follows the end of the archive");
}

function parseHeader(header: Buffer): { name: string; size: number } {
  const text = (from: number, length: number) => header.toString("latin1", from, from + length);
  const stated = /^([0-7]{6})\0 $/.exec(text(148, 8))?.[1];
  if (stated === undefined || Number.parseInt(stated, 8) !== checksumOf(header))
    throw damaged("it is no archive of Ocelli, or damaged");
  const name = /^([\x21-\x7e]{1,100})\0*$/.exec(text(0, 100))?.[1];
  const isPlain = text(156, 101) === `0${"\0".repeat(100)}` && text(257, 8) === "ustar\x0000";
  // No prefix: the name is all of the name.
  if (name === undefined || !isPlain || header.subarray(345, 500).some((byte) => byte !== 0))
    throw damaged("the archive holds something that no backup does");
  return { name, size: parseSize(header, text(124, 12)) };
}

function parseSize(header: Buffer, field: string): number {
  const octal = /^([0-7]{11})\0$/.exec(field)?.[1];
  if (octal !== undefined) return Number.parseInt(octal, 8);
  const size = header.readUInt32BE(124) === 0x80000000 ? Number(header.readBigUInt64BE(128)) : -1;
  if (!Number.isSafeInteger(size) || size < 0) throw damaged("the archive holds a file of no size");
  return size;
}

function cutOff(): Error {
  return damaged("the archive is cut off");
}
