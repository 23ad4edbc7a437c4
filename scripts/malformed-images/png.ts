import { crc32 } from "node:zlib";

/** A chunk of a PNG; `length` and `crc` are what the file claims where that is not the truth. */
export interface Chunk {
  type: string;
  data: Buffer;
  length?: number;
  crc?: number;
}

const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);

/** Takes a sound PNG apart. */
export function pngChunks(bytes: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = signature.byteLength; at + 12 <= bytes.byteLength; ) {
    const length = bytes.readUInt32BE(at);
    chunks.push({
      type: bytes.toString("latin1", at + 4, at + 8),
      data: bytes.subarray(at + 8, at + 8 + length),
    });
    at += 12 + length;
  }
  return chunks;
}

/** Puts a PNG together. */
export function joinPng(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.map(({ type, data, length = data.byteLength, crc }) => {
    const bytes = Buffer.alloc(12 + data.byteLength);
    bytes.writeUInt32BE(length, 0);
    bytes.write(type, 4, "latin1");
    data.copy(bytes, 8);
    bytes.writeUInt32BE(crc ?? crc32(bytes.subarray(4, 8 + data.byteLength)), 8 + data.byteLength);
    return bytes;
  });
  return Buffer.concat([signature, ...parts]);
}

/** 32-bit numbers, most significant byte first. */
export function u32s(...values: number[]): Buffer {
  const bytes = Buffer.alloc(values.length * 4);
  values.forEach((value, index) => {
    bytes.writeUInt32BE(value, index * 4);
  });
  return bytes;
}

/** The picture twice, as an animation. */
export function withFrames(
  chunks: readonly Chunk[],
  size: { width: number; height: number },
  claimed: { frames?: number; offset?: number } = {},
): Chunk[] {
  const control = (sequence: number): Chunk => ({
    type: "fcTL",
    data: Buffer.concat([
      u32s(sequence, size.width, size.height, claimed.offset ?? 0, 0),
      Buffer.from([0, 1, 0, 10, 0, 0]),
    ]),
  });
  const pixels = chunks.filter(({ type }) => type === "IDAT");
  return chunks.flatMap((chunk): Chunk[] => {
    if (chunk.type === "IHDR")
      return [chunk, { type: "acTL", data: u32s(claimed.frames ?? 2, 0) }, control(0)];
    if (chunk.type !== "IEND") return [chunk];
    const again = pixels.map(({ data }, index) => ({
      type: "fdAT",
      data: Buffer.concat([u32s(2 + index), data]),
    }));
    return [control(1), ...again, chunk];
  });
}
