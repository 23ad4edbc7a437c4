import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import sharp from "sharp";

/** A photo to upload. */
export interface Picture {
  name: string;
  bytes: Uint8Array<ArrayBuffer>;
}

// The second folder holds photos that may not be committed; without it there is less variety, nothing else.
const folders = ["../e2e/photos/", "../../shared/photos/"].map((path) =>
  fileURLToPath(new URL(path, import.meta.url)),
);
// Sizes of ordinary phone photos after a messenger has shrunk them.
const shortestLongSide = 1000;
const longestLongSide = 1400;

/** Makes distinct JPEGs out of a few real photos: other crops, sizes, sides and brightness of them. The same seed gives the same pictures. */
export async function makePictures(count: number, seed: number): Promise<Picture[]> {
  const random = createRandom(seed);
  const sources = findSources();
  const pictures: Picture[] = [];
  for (let index = 0; index < count; index++) {
    const source = sources[index % sources.length];
    if (source === undefined) throw new Error(`no photos in ${folders.join(" or ")}`);
    pictures.push({
      name: `bench-${seed}-${index}.jpg`,
      bytes: new Uint8Array(await vary(source, random)),
    });
  }
  return pictures;
}

/** The pictures of a folder as they are. */
export function readPictures(folder: string): Picture[] {
  return readdirSync(folder)
    .filter((name) => /\.(png|jpe?g)$/i.test(name))
    .sort()
    .map((name) => ({ name, bytes: new Uint8Array(readFileSync(join(folder, name))) }));
}

function findSources(): string[] {
  const found = new Map<string, string>();
  for (const folder of folders.filter(existsSync)) {
    for (const name of readdirSync(folder).filter((each) => /\.(png|jpe?g)$/.test(each)))
      found.set(name, join(folder, name));
  }
  return [...found.keys()].sort().map((name) => found.get(name) ?? "");
}

async function vary(file: string, random: () => number): Promise<Buffer> {
  const { width, height } = (await sharp(file).metadata()).autoOrient;
  const share = 0.7 + 0.3 * random();
  const crop = { width: Math.floor(width * share), height: Math.floor(height * share) };
  const left = Math.floor((width - crop.width) * random());
  const top = Math.floor((height - crop.height) * random());
  const side = Math.round(shortestLongSide + (longestLongSide - shortestLongSide) * random());
  const mirrored = random() < 0.5;
  const brightness = 0.85 + 0.3 * random();
  return sharp(file)
    .autoOrient()
    .flatten({ background: "#ffffff" })
    .extract({ left, top, ...crop })
    .resize({ width: side, height: side, fit: "inside" })
    .flop(mirrored)
    .modulate({ brightness })
    .jpeg({ quality: 88 })
    .toBuffer();
}

/** Mulberry32: small, fast and good enough to vary pictures the same way in every run. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
