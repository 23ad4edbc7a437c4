import { readFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";
import sharp, { type Sharp } from "sharp";

const directory = new URL("../../../e2e/photos/", import.meta.url);

/** One of the photos that come with the repository. */
export function photo(name: "astronaut.png" | "chelsea.png" | "coffee.png" | "rocket.jpg"): Promise<Buffer> {
  return readFile(new URL(name, directory));
}

/** A small picture, different for every seed: red on the left half, blue on the right. */
export function picture(seed: number, size = { width: 64, height: 48 }): Sharp {
  const data = Buffer.alloc(size.width * size.height * 3);
  for (let index = 0; index < data.length; index += 3) {
    const left = (index / 3) % size.width < size.width / 2;
    data[index] = left ? 220 : 20;
    data[index + 1] = seed % 256;
    data[index + 2] = left ? 20 : 220;
  }
  data[1] = (seed >> 8) % 256;
  return sharp(data, { raw: { ...size, channels: 3 } });
}

/** Small JPEGs whose bytes differ for every seed. */
export function jpeg(seed: number): Promise<Buffer> {
  const exif = { IFD0: { ImageDescription: `picture ${seed}` } };
  return picture(seed).withExif(exif).jpeg({ quality: 95 }).toBuffer();
}

/** A PNG of a few bytes whose header claims a size; `complete` adds pixel data and end. */
export function pngClaiming(width: number, height: number, complete = true): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  const rest = complete
    ? [pngChunk("IDAT", deflateSync(Buffer.alloc(1000))), pngChunk("IEND", Buffer.alloc(0))]
    : [];
  return Buffer.concat([signature, pngChunk("IHDR", header), ...rest]);
}

/** A good JPEG whose EXIF block is noise after its first bytes. */
export async function jpegWithCorruptExif(): Promise<Buffer> {
  const bytes = await picture(7)
    .withExif({ IFD0: { Make: "x".repeat(60) } })
    .jpeg()
    .toBuffer();
  const block = bytes.indexOf("Exif\0\0");
  for (let index = block + 16; index < block + 70; index++) bytes[index] = (index * 77) & 255;
  return bytes;
}

/** Mean colour of a region of an encoded image, for telling what is where. */
export async function meanColor(
  bytes: Buffer,
  region: { left: number; top: number; width: number; height: number },
): Promise<[number, number, number]> {
  const cut = await sharp(bytes).extract(region).removeAlpha().raw().toBuffer();
  const { channels } = await sharp(cut, {
    raw: { width: region.width, height: region.height, channels: 3 },
  }).stats();
  const mean = (index: number) => Math.round(channels[index]?.mean ?? -1);
  return [mean(0), mean(1), mean(2)];
}

function pngChunk(type: string, data: Buffer): Buffer {
  const chunk = Buffer.alloc(12 + data.byteLength);
  chunk.writeUInt32BE(data.byteLength, 0);
  chunk.write(type, 4, "latin1");
  data.copy(chunk, 8);
  chunk.writeUInt32BE(crc32(chunk.subarray(4, 8 + data.byteLength)), 8 + data.byteLength);
  return chunk;
}
