import { type Expectation, type MalformedImage, malformed, withBytes, withU32 } from "./malformed-image.ts";
import { picture, type SoundImages } from "./sound-images.ts";
import { type Field, plainTiff } from "./tiff.ts";

const dng: Field = [0xc612, 1, [1, 4, 0, 0]];

/** Raw files of cameras whose way to the preview leads astray. */
export async function* rawCases(sound: SoundImages): AsyncGenerator<MalformedImage> {
  const preview = await picture(3, { width: 1024, height: 16 }).jpeg({ quality: 40 }).toBuffer();
  yield* previews(preview);
  yield* makers(preview);
  yield* fuji(preview, sound["jpeg-baseline"]);
}

function* previews(preview: Buffer): Generator<MalformedImage> {
  const pointed = (offset: number, length: number, ...extra: Field[]) =>
    plainTiff({
      extra: [dng, [0x201, 4, [offset]], [0x202, 4, [length]], ...extra],
      pixels: Buffer.concat([preview, Buffer.alloc(9216)]),
    });
  const at = 8;
  const huge = withBytes(preview, frameAt(preview) + 5, [0xff, 0xdc, 0xff, 0xdc]);
  const kept = (bytes: Buffer, ...extra: Field[]) =>
    plainTiff({ extra: [dng, [0x201, 4, [0]], [0x202, 4, [bytes.byteLength]], ...extra], preview: bytes });
  const cases: Array<[name: string, expectation: Expectation, bytes: Buffer]> = [
    ["preview at 0", "refused", pointed(0, preview.byteLength)],
    ["preview beyond the end", "refused", pointed(0xfffffff0, 1000)],
    ["preview of 4 GiB", "refused", pointed(at, 0xffffffff)],
    ["preview of 2 GiB", "refused", pointed(at, 0x7fffffff)],
    ["preview of 1 byte", "refused", pointed(at, 1)],
    ["preview of nothing", "refused", pointed(at, 0)],
    ["preview cut short", "refused", pointed(at, preview.byteLength - 40)],
    ["preview with more behind", "either", pointed(at, preview.byteLength + 500)],
    ["preview of 65,500 x 65,500", "refused", kept(huge)],
    ["preview of noise", "refused", kept(Buffer.alloc(5000, 0xc4))],
    ["preview that is a PNG", "refused", kept(Buffer.from("\x89PNG\r\n\x1a\n", "latin1"))],
    ["preview that is the file", "refused", pointed(0, 9000)],
    ["no word on a preview", "refused", plainTiff({ extra: [dng] })],
  ];
  for (const [name, expectation, bytes] of cases) yield malformed(`raw/${name}`, expectation, bytes);
  for (const value of [0, 6, 9, 65_535])
    yield malformed(`raw/preview turned by ${value}`, "accepted", kept(preview, [274, 3, [value]]));
  const chained = plainTiff({
    extra: [dng, [0x14a, 4, [8, 16, 24, 32, 40, 48, 56, 64]]],
    pixels: Buffer.alloc(40_000, 1),
  });
  yield malformed("raw/sub-directories in the pixels", "refused", chained);
  const same = Array.from({ length: 16 }, () => 8);
  yield malformed(
    "raw/sub-directories that are one",
    "refused",
    plainTiff({ extra: [dng, [0x14a, 4, same]] }),
  );
}

function* makers(preview: Buffer): Generator<MalformedImage> {
  const sensor: Field = [262, 3, [32_803]];
  const made = (...extra: Field[]) =>
    plainTiff({ extra: [sensor, [0x201, 4, [0]], [0x202, 4, [preview.byteLength]], ...extra], preview });
  yield malformed("raw/no maker", "accepted", made());
  yield malformed("raw/a maker of control characters", "accepted", made([271, 2, "\x01\x1b<b>\xff\0"]));
  yield malformed("raw/a maker that is a number", "accepted", made([271, 4, [0xffffffff]]));
  const text = made([271, 2, "NIKON CORPORATION"]);
  const entry = text.indexOf(Buffer.from([0x0f, 0x01, 2, 0]));
  yield malformed("raw/a maker beyond the end", "accepted", withU32(text, entry + 8, 0xfffffff0, "little"));
  yield malformed("raw/a maker of 4 GiB", "accepted", withU32(text, entry + 4, 0xffffffff, "little"));
  yield malformed(
    "raw/Canon by its word",
    "refused",
    withBytes(plainTiff(), 8, Buffer.from("CR\x02\0", "latin1")),
  );
}

function* fuji(preview: Buffer, small: Buffer): Generator<MalformedImage> {
  const raf = (offset: number, length: number, body: Buffer) => {
    const head = Buffer.alloc(160);
    head.write("FUJIFILMCCD-RAW 0201FF383501FinePix X100", 0, "latin1");
    head.writeUInt32BE(offset, 84);
    head.writeUInt32BE(length, 88);
    return Buffer.concat([head, body]);
  };
  yield malformed("raw/Fuji with its preview", "accepted", raf(160, preview.byteLength, preview));
  yield malformed("raw/Fuji with a small preview", "refused", raf(160, small.byteLength, small));
  yield malformed("raw/Fuji with a preview beyond the end", "refused", raf(0xfffffff0, 1000, preview));
  yield malformed("raw/Fuji with a preview of 4 GiB", "refused", raf(160, 0xffffffff, preview));
  yield malformed("raw/Fuji with a preview at 0", "refused", raf(0, 500, preview));
  yield malformed("raw/Fuji and no more", "refused", raf(160, 10, preview).subarray(0, 40));
}

function frameAt(jpeg: Buffer): number {
  return jpeg.indexOf(Buffer.from([0xff, 0xc0]));
}
