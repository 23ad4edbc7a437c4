import { deflateSync, gzipSync } from "node:zlib";
import { type Expectation, type MalformedImage, malformed, withBytes } from "./malformed-image.ts";
import { createRandom, seedOf } from "./random.ts";
import { picture, type SoundImages } from "./sound-images.ts";

const text = (content: string) => Buffer.from(content, "latin1");
const padded = (head: string | number[], length = 500) =>
  Buffer.concat([typeof head === "string" ? text(head) : Buffer.from(head), Buffer.alloc(length)]);
const svg =
  '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><image href="file:///etc/passwd"/></svg>';

/** Files of other kinds, files of two kinds, and pictures of extreme shapes. */
export async function* disguisedCases(sound: SoundImages, seed: number): AsyncGenerator<MalformedImage> {
  for (const [name, bytes] of Object.entries(otherKinds(sound)))
    yield malformed(`disguised/${name}`, "refused", bytes);
  for (const length of [0, 1, 2, 16, 4096]) {
    const name = `disguised/${length} bytes of noise`;
    yield malformed(name, "refused", createRandom(seedOf(name, seed)).bytes(length));
  }
  for (const [name, expectation, bytes] of twoKinds(sound))
    yield malformed(`polyglot/${name}`, expectation, bytes);
  yield* await shapes();
}

function otherKinds(sound: SoundImages): Record<string, Buffer> {
  return {
    BMP: padded("BM\xf6\x05\0\0\0\0\0\0\x36\0\0\0\x28\0\0\0\x10\0\0\0\x10\0\0\0\x01\0\x18\0"),
    ICO: padded([0, 0, 1, 0, 1, 0, 16, 16, 0, 0, 1, 0, 32, 0]),
    CUR: padded([0, 0, 2, 0, 1, 0, 16, 16]),
    SVG: text(svg),
    "SVG with a prolog": text(`<?xml version="1.0"?><!DOCTYPE svg>${svg}`),
    "SVG with a mark of order": text(`\xef\xbb\xbf${svg}`),
    "packed SVG": gzipSync(svg),
    PDF: text("%PDF-1.7\n1 0 obj<</Type/Catalog>>endobj\ntrailer<</Root 1 0 R>>\n%%EOF"),
    EPS: text("%!PS-Adobe-3.0 EPSF-3.0\n(%pipe%id) (w) file\n"),
    PSD: padded("8BPS\0\x01\0\0\0\0\0\0\0\x03\0\0\0\x10\0\0\0\x10\0\x08\0\x03"),
    "JPEG XL": padded([0xff, 0x0a, 0xfa, 0x7f]),
    "JPEG XL in boxes": padded("\0\0\0\x0cJXL \r\n\x87\n"),
    "JPEG 2000": padded("\0\0\0\x0cjP  \r\n\x87\n\0\0\0\x14ftypjp2 "),
    "JPEG 2000 without boxes": padded([0xff, 0x4f, 0xff, 0x51]),
    "JPEG XR": padded([0x49, 0x49, 0xbc, 0x01]),
    OpenEXR: padded([0x76, 0x2f, 0x31, 0x01, 2]),
    Radiance: text("#?RADIANCE\nFORMAT=32-bit_rle_rgbe\n\n-Y 1 +X 1\n\0\0\0\0"),
    PPM: text("P6\n2 2\n255\n123456789012"),
    PFM: text("PF\n1 1\n-1.0\n123456789012"),
    XCF: padded("gimp xcf file\0"),
    TGA: padded([0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 16, 0, 16, 0, 24]),
    QOI: padded("qoif\0\0\0\x10\0\0\0\x10\x03\0"),
    FITS: text("SIMPLE  =                    T".padEnd(2880)),
    "Matlab data": padded("MATLAB 5.0 MAT-file, Platform: GLNXA64"),
    "libvips' own": padded([0x08, 0xf2, 0xa6, 0xb6]),
    "comma-separated numbers": text("1,2,3\n4,5,6\n"),
    HTML: text("<!doctype html><script>alert(1)</script>"),
    ZIP: padded("PK\x03\x04\x14\0"),
    ELF: padded("\x7fELF\x02\x01\x01"),
    "a Windows program": padded("MZ\x90\0\x03"),
    "WAVE sound": padded("RIFF\x24\x08\0\0WAVEfmt "),
    "AVI film": padded("RIFF\x24\x08\0\0AVI LIST"),
    "MP4 film": padded("\0\0\0\x18ftypmp42\0\0\0\0mp42isom"),
    "Canon CR3": padded("\0\0\0\x18ftypcrx \0\0\0\x01crx isom"),
    "a packed JPEG": gzipSync(sound["jpeg-baseline"]),
    "an inflated nothing": deflateSync(Buffer.alloc(1000)),
    zeros: Buffer.alloc(5000),
    "bytes of 0xff": Buffer.alloc(5000, 255),
    "only the beginning of a JPEG": padded([0xff, 0xd8, 0xff]),
    "only the signature of a PNG": padded("\x89PNG\r\n\x1a\n"),
    "a shell script": text("#!/bin/sh\nrm -rf /\n"),
    "ImageMagick's own": text(
      "push graphic-context\nviewbox 0 0 640 480\nfill 'url(https://evil.example/x)'\npop graphic-context",
    ),
  };
}

function* twoKinds(sound: SoundImages): Generator<[name: string, expectation: Expectation, bytes: Buffer]> {
  const {
    "jpeg-baseline": jpeg,
    "png-rgb": png,
    "gif-still": gif,
    "tiff-plain": tiff,
    "webp-lossy": webp,
  } = sound;
  yield ["JPEG with a ZIP behind", "accepted", Buffer.concat([jpeg, padded("PK\x03\x04")])];
  yield ["PNG with a page behind", "accepted", Buffer.concat([png, text("<script>alert(1)</script>")])];
  yield [
    "GIF that is JavaScript",
    "either",
    Buffer.concat([text("GIF89a=1;/*"), gif.subarray(11), text("*/alert(1)")]),
  ];
  yield ["PNG's signature and a JPEG", "refused", Buffer.concat([png.subarray(0, 8), jpeg])];
  yield ["JPEG's beginning and a PNG", "refused", Buffer.concat([jpeg.subarray(0, 4), png])];
  yield ["TIFF's beginning and a JPEG", "refused", Buffer.concat([tiff.subarray(0, 4), jpeg])];
  yield ["WebP with a PNG inside", "refused", Buffer.concat([webp.subarray(0, 20), png])];
  yield ["GIF's beginning and a PNG", "refused", Buffer.concat([gif.subarray(0, 6), png])];
  yield ["a mark of order and a JPEG", "refused", Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), jpeg])];
  yield ["a line break and a PNG", "refused", Buffer.concat([text("\n"), png])];
  yield ["PNG spoilt by line breaks", "refused", withBytes(png, 4, [0x0a])];
  yield ["JPEG with a PDF in its head", "refused", Buffer.concat([text("%PDF-1.4\n"), jpeg])];
}

async function* shapes(): AsyncGenerator<MalformedImage> {
  const long = { width: 16_000, height: 1 };
  const tall = { width: 1, height: 16_000 };
  for (const [name, size] of Object.entries({
    "one row": long,
    "one column": tall,
    "one pixel": { width: 1, height: 1 },
  })) {
    const raw = picture(3, size);
    yield malformed(`shape/${name} as JPEG`, "accepted", await raw.clone().jpeg().toBuffer());
    yield malformed(`shape/${name} as PNG`, "accepted", await raw.clone().png().toBuffer());
    yield malformed(`shape/${name} as WebP`, "accepted", await raw.clone().webp().toBuffer());
    yield malformed(`shape/${name} as TIFF`, "accepted", await raw.clone().tiff().toBuffer());
    yield malformed(`shape/${name} as GIF`, "accepted", await raw.clone().gif().toBuffer());
  }
  // 3.9 million pixels in a few kilobytes.
  const flat = await picture(3, { width: 1, height: 1 })
    .resize(1970, 1970)
    .png({ compressionLevel: 9 })
    .toBuffer();
  yield malformed("shape/millions of equal pixels", "accepted", flat);
}
