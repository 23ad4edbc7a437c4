import { open } from "node:fs/promises";
import { readAt } from "../raw/tiff-directories.ts";

/** How the picture in a HEIF container is compressed. */
export type HeifCodec = "av1" | "hevc" | "other";

const maxTopLevelBoxes = 64;
// A grid of the largest phone photo takes a few kilobytes.
const maxMetaBytes = 1024 * 1024;
const codecs: Readonly<Record<string, HeifCodec>> = { av01: "av1", hvc1: "hevc" };

/**
 * Tells the codec from the items that the container lists: brands only tell what a reader may expect. The primary
 * picture decides, or, where it is put together from others, the first coded one.
 */
export async function findHeifCodec(path: string): Promise<HeifCodec> {
  const meta = await readMeta(path);
  if (!meta) return "other";
  const boxes = [...boxesOf(meta, 4, meta.byteLength)];
  const pitm = boxes.find(({ type }) => type === "pitm");
  const iinf = boxes.find(({ type }) => type === "iinf");
  if (!pitm || !iinf) return "other";
  const items = [...itemsOf(meta, iinf)];
  const primary = idAt(meta, pitm.start + 4, meta[pitm.start] !== 0);
  const coded = items.flatMap(({ id, type }) => (codecs[type] ? [{ id, codec: codecs[type] }] : []));
  return (coded.find(({ id }) => id === primary) ?? coded[0])?.codec ?? "other";
}

interface Box {
  type: string;
  /** Of its content. */
  start: number;
  end: number;
}

async function readMeta(path: string): Promise<Buffer | undefined> {
  const file = await open(path, "r");
  try {
    const { size: fileSize } = await file.stat();
    let at = 0;
    for (let count = 0; count < maxTopLevelBoxes; count++) {
      const header = await readAt(file, at, 8, fileSize);
      if (!header) return undefined;
      const { size, headerBytes } = await boxSize(header, fileSize - at, () =>
        readAt(file, at + 8, 8, fileSize),
      );
      if (size < headerBytes) return undefined;
      if (header.toString("latin1", 4, 8) === "meta") {
        return size <= maxMetaBytes
          ? readAt(file, at + headerBytes, size - headerBytes, fileSize)
          : undefined;
      }
      at += size;
    }
    return undefined;
  } finally {
    await file.close();
  }
}

/** ISO/IEC 14496-12, section 4.2: 0 stands for all the rest of the file, 1 for a size of 8 bytes behind the type. */
async function boxSize(
  header: Buffer,
  restBytes: number,
  readLong: () => Promise<Buffer | undefined>,
): Promise<{ size: number; headerBytes: number }> {
  const size = header.readUInt32BE(0);
  if (size === 1) return { size: Number((await readLong())?.readBigUInt64BE(0) ?? 0n), headerBytes: 16 };
  return { size: size === 0 ? restBytes : size, headerBytes: 8 };
}

function* boxesOf(bytes: Buffer, from: number, to: number): Generator<Box> {
  for (let at = from; at + 8 <= to; ) {
    const size = bytes.readUInt32BE(at);
    if (size < 8 || at + size > to) return;
    yield { type: bytes.toString("latin1", at + 4, at + 8), start: at + 8, end: at + size };
    at += size;
  }
}

function* itemsOf(meta: Buffer, iinf: Box): Generator<{ id: number; type: string }> {
  const from = iinf.start + (meta[iinf.start] === 0 ? 6 : 8);
  for (const { type, start, end } of boxesOf(meta, from, iinf.end)) {
    const version = meta[start] ?? 0;
    const idLength = version === 3 ? 4 : 2;
    const typeAt = start + 4 + idLength + 2;
    if (type !== "infe" || version < 2 || typeAt + 4 > end) continue;
    yield { id: idAt(meta, start + 4, version === 3), type: meta.toString("latin1", typeAt, typeAt + 4) };
  }
}

function idAt(bytes: Buffer, at: number, isLong: boolean): number {
  const length = isLong ? 4 : 2;
  return at + length <= bytes.byteLength ? bytes.readUIntBE(at, length) : -1;
}
