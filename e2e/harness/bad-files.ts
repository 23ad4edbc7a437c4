import sharp from "sharp";
import {
  jpeg,
  jpegWithCorruptExif,
  picture,
  pngClaiming,
} from "../../services/library/test/photos-for-tests.ts";
import { photoBytes } from "./photos.ts";

export { jpeg };

type Bytes = Uint8Array<ArrayBuffer>;

/** A file that is refused: name of the case, status and reason of the answer, the file. */
export type RefusedFile = readonly [name: string, status: number, reason: string, bytes: Bytes];

/** Files that no picture can be made of; `maxBytes` is the server's limit. */
export function refusedFiles(maxBytes: number): RefusedFile[] {
  const rocket = photoBytes("rocket.jpg");
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><script>alert(1)</script></svg>';
  return [
    ["0 bytes", 400, "EMPTY_FILE", new Uint8Array()],
    ["text named .jpg", 415, "UNSUPPORTED_MEDIA_TYPE", text("just some words\n".repeat(50))],
    ["HTML", 415, "UNSUPPORTED_MEDIA_TYPE", text("<!doctype html><script>alert(1)</script>")],
    ["SVG", 415, "UNSUPPORTED_MEDIA_TYPE", text(svg)],
    ["SVG with prolog", 415, "UNSUPPORTED_MEDIA_TYPE", text(`<?xml version="1.0"?>${svg}`)],
    ["PDF", 415, "UNSUPPORTED_MEDIA_TYPE", text("%PDF-1.7\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n")],
    ["truncated JPEG", 422, "CORRUPT_IMAGE", rocket.slice(0, rocket.byteLength * 0.6)],
    ["JPEG without its last 50 bytes", 422, "CORRUPT_IMAGE", rocket.slice(0, -50)],
    ["PNG of 100,000 x 100,000", 422, "TOO_MANY_PIXELS", copy(pngClaiming(100_000, 100_000))],
    ["the same, header only", 422, "TOO_MANY_PIXELS", copy(pngClaiming(100_000, 100_000, false))],
    ["PNG of the largest size", 422, "TOO_MANY_PIXELS", copy(pngClaiming(0xffffffff, 0xffffffff))],
    ["one byte over the limit", 413, "FILE_TOO_LARGE", new Uint8Array(maxBytes + 1)],
  ];
}

/** Odd files that are pictures all the same, 64 x 48 each, with their media types. */
export async function acceptedFiles(): Promise<Array<readonly [name: string, mediaType: string, Bytes]>> {
  return [
    ["animated GIF", "image/gif", await animatedGif()],
    [
      "CMYK JPEG",
      "image/jpeg",
      copy(await picture(16).toColourspace("cmyk").jpeg({ quality: 95 }).toBuffer()),
    ],
    ["16-bit PNG", "image/png", copy(await picture(17).toColourspace("rgb16").png().toBuffer())],
    ["JPEG with corrupt EXIF", "image/jpeg", copy(await jpegWithCorruptExif())],
  ];
}

/** Copies bytes into memory of their own, as `Blob` wants them. */
export function copy(bytes: Uint8Array): Bytes {
  return new Uint8Array(bytes);
}

function text(content: string): Bytes {
  return new TextEncoder().encode(content);
}

/** Beginning of a HEIC file, and no more of it. */
export function heicBeginning(): Bytes {
  const header = Buffer.alloc(64);
  header.writeUInt32BE(24, 0);
  header.write("ftypheic", 4, "latin1");
  header.write("mif1heic", 16, "latin1");
  return copy(header);
}

async function animatedGif(): Promise<Bytes> {
  const [width, height] = [64, 48];
  const first = await picture(1).raw().toBuffer();
  const second = Buffer.alloc(first.byteLength, 128);
  const raw = { width, height: height * 2, channels: 3, pageHeight: height } as const;
  return copy(
    await sharp(Buffer.concat([first, second]), { raw })
      .gif({ delay: [100, 100] })
      .toBuffer(),
  );
}
