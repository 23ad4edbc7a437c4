import { readFile } from "node:fs/promises";
import sharp, { type Sharp } from "sharp";
import { type Chunk, joinPng, pngChunks, withFrames } from "./png.ts";
import { bigTiff, plainTiff } from "./tiff.ts";

/** Small sound pictures, one of every kind that is read, by name; `format-kind`. */
export type SoundImages = Readonly<Record<(typeof kinds)[number], Buffer>>;

const kinds = [
  "jpeg-baseline",
  "jpeg-progressive",
  "jpeg-cmyk",
  "jpeg-grey",
  "jpeg-metadata",
  "png-rgb",
  "png-rgba",
  "png-16-bit",
  "png-interlaced",
  "png-palette",
  "png-animated",
  "webp-lossy",
  "webp-lossless",
  "webp-alpha",
  "webp-animated",
  "gif-still",
  "gif-animated",
  "tiff-plain",
  "tiff-lzw",
  "tiff-deflate",
  "tiff-jpeg",
  "tiff-tiles",
  "tiff-pyramid",
  "tiff-pages",
  "tiff-big",
  "tiff-bilevel",
  "avif-rgb",
  "avif-alpha",
  "heic-grid",
  "heic-profile",
  "dng-preview",
] as const;

const size = { width: 64, height: 48 };

/** Pixels with gradients and an edge, so that every coder has something to do. */
export function picture(channels: 3 | 4 = 3, { width, height } = size): Sharp {
  const data = Buffer.alloc(width * height * channels);
  for (let index = 0; index < width * height; index++) {
    const x = index % width;
    const y = Math.floor(index / width);
    const grain = ((x * 7919 + y * 104_729 + x * y * 31) >> 2) & 31;
    const pixel = [
      x < width / 2 ? 220 : 20,
      ((y * 5) & 127) + grain,
      (x * 4 + grain) & 255,
      255 - ((x + y) & 127),
    ];
    data.set(pixel.slice(0, channels), index * channels);
  }
  return sharp(data, { raw: { width, height, channels } });
}

/** Encodes them all; nothing of it depends on chance or time. */
export async function soundImages(): Promise<SoundImages> {
  const rgb = () => picture();
  const frames = Buffer.concat([
    await picture().raw().toBuffer(),
    Buffer.alloc(size.width * size.height * 3, 90),
  ]);
  const two = () =>
    sharp(frames, { raw: { ...size, height: size.height * 2, channels: 3, pageHeight: size.height } });
  const heic = (name: string) =>
    readFile(new URL(`../../services/library/test/fixtures/${name}.heic`, import.meta.url));
  const png = await rgb().png().toBuffer();
  const preview = await picture(3, { width: 1024, height: 16 }).jpeg({ quality: 40 }).toBuffer();
  return {
    "jpeg-baseline": await rgb().jpeg().toBuffer(),
    "jpeg-progressive": await rgb().jpeg({ progressive: true }).toBuffer(),
    "jpeg-cmyk": await rgb().toColourspace("cmyk").jpeg().toBuffer(),
    "jpeg-grey": await rgb().greyscale().jpeg().toBuffer(),
    "jpeg-metadata": await rgb()
      .withMetadata({
        orientation: 6,
        exif: { IFD0: { Make: "Ocelli Works", ImageDescription: "a picture" } },
      })
      .jpeg()
      .toBuffer(),
    "png-rgb": png,
    "png-rgba": await picture(4).png().toBuffer(),
    "png-16-bit": await rgb().toColourspace("rgb16").png().toBuffer(),
    "png-interlaced": await rgb().png({ progressive: true }).toBuffer(),
    "png-palette": await rgb().png({ palette: true, colours: 16 }).toBuffer(),
    "png-animated": animatedPng(pngChunks(png)),
    "webp-lossy": await rgb().webp().toBuffer(),
    "webp-lossless": await rgb().webp({ lossless: true }).toBuffer(),
    "webp-alpha": await picture(4).webp().toBuffer(),
    "webp-animated": await two()
      .webp({ delay: [100, 100] })
      .toBuffer(),
    "gif-still": await rgb().gif().toBuffer(),
    "gif-animated": await two()
      .gif({ delay: [100, 100] })
      .toBuffer(),
    "tiff-plain": plainTiff(),
    "tiff-lzw": await rgb().tiff({ compression: "lzw", predictor: "horizontal" }).toBuffer(),
    "tiff-deflate": await rgb().tiff({ compression: "deflate" }).toBuffer(),
    "tiff-jpeg": await rgb().tiff({ compression: "jpeg" }).toBuffer(),
    "tiff-tiles": await rgb()
      .tiff({ compression: "none", tile: true, tileWidth: 16, tileHeight: 16 })
      .toBuffer(),
    "tiff-pyramid": await rgb()
      .tiff({ compression: "deflate", tile: true, tileWidth: 16, tileHeight: 16, pyramid: true })
      .toBuffer(),
    "tiff-pages": plainTiff({ pages: 3 }),
    "tiff-big": bigTiff(),
    "tiff-bilevel": await rgb()
      .threshold()
      .toColourspace("b-w")
      .tiff({ bitdepth: 1, compression: "ccittfax4" })
      .toBuffer(),
    "avif-rgb": await rgb().avif({ effort: 1 }).toBuffer(),
    "avif-alpha": await picture(4).avif({ effort: 1 }).toBuffer(),
    "heic-grid": await heic("picture"),
    "heic-profile": await heic("picture-icc"),
    "dng-preview": plainTiff({
      extra: [
        [0xc612, 1, [1, 4, 0, 0]],
        [0x201, 4, [0]],
        [0x202, 4, [preview.byteLength]],
      ],
      preview,
    }),
  };
}

function animatedPng(chunks: readonly Chunk[]): Buffer {
  return joinPng(withFrames(chunks, size));
}
