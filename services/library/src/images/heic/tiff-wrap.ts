/** Pixels without structure. */
export interface RgbaPixels {
  width: number;
  height: number;
  /** Four bytes a pixel, row by row. */
  data: Uint8ClampedArray | Uint8Array;
}

const tiffHeader = Buffer.from("II*\0", "latin1");
const short = 3;
const long = 4;
const undefinedType = 7;

/**
 * Puts pixels and their colour profile into an uncompressed TIFF, the simplest file that carries both; alpha is left
 * out where nothing is transparent.
 */
export function wrapAsTiff(
  { width, height, data }: RgbaPixels,
  icc: Uint8Array | undefined,
): Uint8Array<ArrayBuffer> {
  const channels = isOpaque(data) ? 3 : 4;
  const pixelBytes = width * height * channels;
  const pixelsAt = 8;
  const bitsAt = align(pixelsAt + pixelBytes);
  const iccAt = bitsAt + 8;
  const directoryAt = align(iccAt + (icc?.byteLength ?? 0));
  const entries: Array<[tag: number, type: number, count: number, value: number]> = [
    [256, long, 1, width],
    [257, long, 1, height],
    [258, short, channels, bitsAt],
    [259, short, 1, 1],
    [262, short, 1, 2],
    [273, long, 1, pixelsAt],
    [277, short, 1, channels],
    [278, long, 1, height],
    [279, long, 1, pixelBytes],
    [284, short, 1, 1],
    // Straight alpha, as libheif hands it out.
    ...(channels === 4
      ? ([[338, short, 1, 2]] as const).map((entry) => [...entry] as (typeof entries)[number])
      : []),
    ...(icc ? [[34675, undefinedType, icc.byteLength, iccAt] satisfies (typeof entries)[number]] : []),
  ];
  const file = Buffer.from(new ArrayBuffer(directoryAt + 2 + entries.length * 12 + 4));
  tiffHeader.copy(file);
  file.writeUInt32LE(directoryAt, 4);
  copyPixels(data, file, pixelsAt, channels);
  for (let channel = 0; channel < channels; channel++) file.writeUInt16LE(8, bitsAt + channel * 2);
  if (icc) file.set(icc, iccAt);
  file.writeUInt16LE(entries.length, directoryAt);
  entries.forEach(([tag, type, count, value], index) => {
    const at = directoryAt + 2 + index * 12;
    file.writeUInt16LE(tag, at);
    file.writeUInt16LE(type, at + 2);
    file.writeUInt32LE(count, at + 4);
    file.writeUInt32LE(value, at + 8);
  });
  return file;
}

function copyPixels(rgba: RgbaPixels["data"], target: Buffer, start: number, channels: 3 | 4): void {
  if (channels === 4) {
    target.set(rgba, start);
    return;
  }
  for (let from = 0, to = start; from < rgba.length; from += 4, to += 3) {
    target[to] = rgba[from] ?? 0;
    target[to + 1] = rgba[from + 1] ?? 0;
    target[to + 2] = rgba[from + 2] ?? 0;
  }
}

function isOpaque(rgba: RgbaPixels["data"]): boolean {
  for (let index = 3; index < rgba.length; index += 4) if (rgba[index] !== 255) return false;
  return true;
}

function align(offset: number): number {
  return offset + (offset % 2);
}
