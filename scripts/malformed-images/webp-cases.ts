import { type Expectation, type MalformedImage, malformed, withBytes, withU32 } from "./malformed-image.ts";
import type { SoundImages } from "./sound-images.ts";

/** Everything that is wrong with these is known to a reader of WebP. */
export function* webpCases(sound: SoundImages): Generator<MalformedImage> {
  yield* sizes(sound["webp-lossy"]);
  yield* frames(sound["webp-lossy"], sound["webp-lossless"]);
  yield* extended(sound["webp-lossy"], sound["webp-animated"]);
}

function* sizes(lossy: Buffer): Generator<MalformedImage> {
  for (const value of [0, 1, 0x7fffffff, 0xfffffffe, 0xffffffff]) {
    yield malformed(
      `webp/a file of ${value} bytes by its word`,
      value > 1 ? "either" : "refused",
      withU32(lossy, 4, value, "little"),
    );
    yield malformed(
      `webp/a picture of ${value} bytes by its word`,
      "refused",
      withU32(lossy, 16, value, "little"),
    );
  }
}

function* frames(lossy: Buffer, lossless: Buffer): Generator<MalformedImage> {
  const vp8 = 20;
  const cases: Array<[name: string, expectation: Expectation, bytes: Buffer]> = [
    ["no key frame", "refused", withBytes(lossy, vp8, [(lossy[vp8] ?? 0) | 1])],
    ["a wrong start code", "refused", withBytes(lossy, vp8 + 3, [0, 0, 0])],
    ["width 0", "refused", withBytes(lossy, vp8 + 6, [0, 0])],
    ["height 0", "refused", withBytes(lossy, vp8 + 8, [0, 0])],
    ["16,383 x 16,383", "refused", withBytes(lossy, vp8 + 6, [0xff, 0x3f, 0xff, 0x3f])],
    ["a first partition beyond the end", "refused", withBytes(lossy, vp8, [0xf0, 0xff, 0xff])],
    ["lossless with a wrong signature", "refused", withBytes(lossless, 20, [0])],
    ["lossless 16,384 x 16,384", "refused", withBytes(lossless, 21, [0xff, 0xff, 0xff, 0x0f])],
    ["lossless of a later version", "refused", withBytes(lossless, 24, [0xff])],
    ["lossy pixels called lossless", "refused", withBytes(lossy, 12, Buffer.from("VP8L"))],
    ["lossless pixels called lossy", "refused", withBytes(lossless, 12, Buffer.from("VP8 "))],
    ["an unknown part alone", "refused", withBytes(lossy, 12, Buffer.from("ABCD"))],
    ["both kinds of pixels", "either", riff([...chunksOf(lossy), ...chunksOf(lossless)])],
    ["nothing inside", "refused", riff([])],
    ["itself inside", "refused", riff([{ type: "RIFF", data: lossy.subarray(8) }])],
  ];
  for (const [name, expectation, bytes] of cases) yield malformed(`webp/${name}`, expectation, bytes);
}

function* extended(lossy: Buffer, animated: Buffer): Generator<MalformedImage> {
  const [pixels] = chunksOf(lossy);
  if (!pixels) throw new Error("a WebP without pixels");
  const canvas = (flags: number, width: number, height: number): Chunk => {
    const data = Buffer.alloc(10);
    data[0] = flags;
    data.writeUIntLE(width - 1, 4, 3);
    data.writeUIntLE(height - 1, 7, 3);
    return { type: "VP8X", data };
  };
  const plain = (flags: number, ...added: Chunk[]) => riff([canvas(flags, 64, 48), ...added, pixels]);
  const noise = Buffer.alloc(300, 0x99);
  const frame = (x: number, y: number, width: number, height: number): Chunk => {
    const head = Buffer.alloc(16);
    [x, y, width - 1, height - 1, 100].forEach((value, index) => {
      head.writeUIntLE(value & 0xffffff, index * 3, 3);
    });
    return { type: "ANMF", data: Buffer.concat([head, riff([pixels]).subarray(12)]) };
  };
  const loop = { type: "ANIM", data: Buffer.alloc(6) };
  const cases: Array<[name: string, expectation: Expectation, bytes: Buffer]> = [
    ["a canvas of 16,777,216 squared", "refused", riff([canvas(0, 0x1000000, 0x1000000), pixels])],
    ["a canvas unlike its picture", "refused", riff([canvas(0, 640, 480), pixels])],
    ["a canvas without a picture", "refused", riff([canvas(0, 64, 48)])],
    ["all flags and nothing of it", "either", plain(0xff)],
    ["transparency of noise", "either", plain(0x10, { type: "ALPH", data: noise })],
    ["a profile of noise", "accepted", plain(0x20, { type: "ICCP", data: noise })],
    ["EXIF of noise", "accepted", riff([canvas(0x08, 64, 48), pixels, { type: "EXIF", data: noise }])],
    ["XMP of noise", "accepted", riff([canvas(0x04, 64, 48), pixels, { type: "XMP ", data: noise }])],
    ["an animation without frames", "refused", riff([canvas(0x02, 64, 48), loop])],
    ["a frame beside the canvas", "refused", riff([canvas(0x02, 64, 48), loop, frame(5000, 5000, 64, 48)])],
    [
      "a frame larger than the canvas",
      "refused",
      riff([canvas(0x02, 64, 48), loop, frame(0, 0, 0x1000000, 0x1000000)]),
    ],
    ["a frame unlike its picture", "either", riff([canvas(0x02, 64, 48), loop, frame(0, 0, 10, 10)])],
    [
      "10,000 frames",
      "accepted",
      riff([canvas(0x02, 64, 48), loop, ...Array.from({ length: 10_000 }, () => frame(0, 0, 64, 48))]),
    ],
    [
      "frames on a canvas of 100 million pixels",
      "refused",
      riff([canvas(0x02, 10_000, 10_000), loop, frame(0, 0, 64, 48)]),
    ],
    [
      "an animation without its header",
      "either",
      riff(chunksOf(animated).filter(({ type }) => type !== "VP8X")),
    ],
    [
      "an animation without its loop",
      "either",
      riff(chunksOf(animated).filter(({ type }) => type !== "ANIM")),
    ],
    [
      "1,000 unknown parts",
      "accepted",
      plain(0, ...Array.from({ length: 1000 }, () => ({ type: "junk", data: Buffer.alloc(9) }))),
    ],
  ];
  for (const [name, expectation, bytes] of cases) yield malformed(`webp/${name}`, expectation, bytes);
}

interface Chunk {
  type: string;
  data: Buffer;
}

function chunksOf(bytes: Buffer): Chunk[] {
  const chunks: Chunk[] = [];
  for (let at = 12; at + 8 <= bytes.byteLength; ) {
    const length = bytes.readUInt32LE(at + 4);
    chunks.push({
      type: bytes.toString("latin1", at, at + 4),
      data: bytes.subarray(at + 8, at + 8 + length),
    });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

function riff(chunks: readonly Chunk[]): Buffer {
  const parts = chunks.map(({ type, data }) => {
    const head = Buffer.alloc(8);
    head.write(type, 0, "latin1");
    head.writeUInt32LE(data.byteLength, 4);
    return Buffer.concat([head, data, Buffer.alloc(data.byteLength % 2)]);
  });
  const body = Buffer.concat([Buffer.from("WEBP"), ...parts]);
  const head = Buffer.from("RIFF\0\0\0\0", "latin1");
  head.writeUInt32LE(body.byteLength, 4);
  return Buffer.concat([head, body]);
}
