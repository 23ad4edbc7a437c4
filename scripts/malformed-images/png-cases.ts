import { deflateSync } from "node:zlib";
import { boundaryNumbers, type MalformedImage, malformed } from "./malformed-image.ts";
import { type Chunk, joinPng, pngChunks, u32s, withFrames } from "./png.ts";
import type { SoundImages } from "./sound-images.ts";

const text = (content: string) => Buffer.from(content, "latin1");
const nothing = Buffer.alloc(0);
const bombBytes = 24 * 1024 * 1024;
/** Inflates to a thousand times its size. */
const bomb = () => deflateSync(Buffer.alloc(bombBytes), { level: 1 });

/** Everything that is wrong with these is known to a reader of PNG. */
export function* pngCases(sound: SoundImages): Generator<MalformedImage> {
  const chunks = pngChunks(sound["png-rgb"]);
  yield* headers(chunks);
  yield* pixels(chunks);
  yield* structure(chunks);
  yield* extras(chunks);
  yield* palettes(pngChunks(sound["png-palette"]));
  yield* animations(chunks);
}

function* headers(chunks: readonly Chunk[]): Generator<MalformedImage> {
  const claimed = (width: number, height: number, rest = [8, 2, 0, 0, 0]) =>
    joinPng(replaced(chunks, "IHDR", Buffer.concat([u32s(width, height), Buffer.from(rest)])));
  for (const value of boundaryNumbers.filter((each) => each !== 1)) {
    yield malformed(`png/width ${value}`, "refused", claimed(value, 48));
    yield malformed(`png/height ${value}`, "refused", claimed(64, value));
  }
  yield malformed("png/100,000 x 100,000", "refused", claimed(100_000, 100_000));
  yield malformed("png/more rows than there are", "refused", claimed(64, 4096));
  yield malformed("png/fewer rows than there are", "accepted", claimed(64, 8));
  const odd = {
    depth: [3, 2, 0, 0, 0],
    colour: [8, 5, 0, 0, 0],
    compression: [8, 2, 9, 0, 0],
    filter: [8, 2, 0, 9, 0],
  };
  for (const [name, rest] of Object.entries(odd))
    yield malformed(`png/unknown ${name}`, "refused", claimed(64, 48, rest));
  yield malformed("png/unknown interlacing", "refused", claimed(64, 48, [8, 2, 0, 0, 7]));
  yield malformed("png/interlaced only by its word", "either", claimed(64, 48, [8, 2, 0, 0, 1]));
  yield malformed("png/16 bits only by its word", "refused", claimed(64, 48, [16, 2, 0, 0, 0]));
  yield malformed("png/header cut short", "refused", joinPng(replaced(chunks, "IHDR", u32s(64, 48))));
  yield malformed("png/header empty", "refused", joinPng(replaced(chunks, "IHDR", nothing)));
  const [header] = chunks;
  if (header) yield malformed("png/two headers", "either", joinPng([header, ...chunks]));
  yield malformed("png/no header", "refused", joinPng(chunks.slice(1)));
  yield malformed("png/header second", "refused", joinPng([{ type: "tEXt", data: text("a\0b") }, ...chunks]));
}

function* pixels(chunks: readonly Chunk[]): Generator<MalformedImage> {
  const withPixels = (data: Buffer) => joinPng(replaced(chunks, "IDAT", data));
  const rows = (height: number, filter = 0) =>
    Buffer.concat(
      Array.from({ length: height }, () => Buffer.concat([Buffer.from([filter]), Buffer.alloc(192, 99)])),
    );
  yield malformed("png/no pixels", "refused", joinPng(chunks.filter(({ type }) => type !== "IDAT")));
  yield malformed("png/pixels empty", "refused", withPixels(nothing));
  yield malformed("png/pixels are noise", "refused", withPixels(Buffer.alloc(500, 0xa7)));
  yield malformed("png/pixels cut short", "refused", withPixels(deflateSync(rows(48)).subarray(0, 12)));
  yield malformed("png/half the rows", "refused", withPixels(deflateSync(rows(24))));
  yield malformed("png/an unknown filter", "refused", withPixels(deflateSync(rows(48, 200))));
  yield malformed(
    "png/a wrong checksum of the pixels",
    "either",
    withPixels(spoilt(deflateSync(rows(48)), -1)),
  );
  yield malformed("png/a bomb of pixels", "either", withPixels(bomb()));
  const single = [...deflateSync(rows(48))].map(
    (byte): Chunk => ({ type: "IDAT", data: Buffer.from([byte]) }),
  );
  yield malformed(
    "png/a chunk for every byte",
    "accepted",
    joinPng(chunks.flatMap((each) => (each.type === "IDAT" ? single : [each]))),
  );
  const parted = chunks.flatMap((each): Chunk[] =>
    each.type === "IDAT"
      ? [
          { ...each, data: each.data.subarray(0, 20) },
          { type: "tEXt", data: text("a\0b") },
          { ...each, data: each.data.subarray(20) },
        ]
      : [each],
  );
  yield malformed("png/pixels interrupted", "either", joinPng(parted));
}

function* structure(chunks: readonly Chunk[]): Generator<MalformedImage> {
  for (const type of ["IHDR", "IDAT", "IEND"]) {
    for (const length of [0, 1, 0x7fffffff, 0xffffffff])
      yield malformed(
        `png/${type} of length ${length}`,
        type === "IEND" ? "either" : "refused",
        joinPng(chunks.map((each) => (each.type === type ? { ...each, length } : each))),
      );
    const wrong = chunks.map((each) => (each.type === type ? { ...each, crc: 7 } : each));
    yield malformed(
      `png/${type} with a wrong checksum`,
      type === "IEND" ? "either" : "refused",
      joinPng(wrong),
    );
  }
  yield malformed("png/no end", "either", joinPng(chunks.filter(({ type }) => type !== "IEND")));
  yield malformed("png/the end first", "refused", joinPng([{ type: "IEND", data: nothing }, ...chunks]));
  yield malformed("png/backwards", "refused", joinPng([...chunks].reverse()));
  yield malformed(
    "png/an unknown part that is needed",
    "refused",
    joinPng(before(chunks, "IDAT", { type: "ABCD", data: nothing })),
  );
  yield malformed(
    "png/an unknown part that is not needed",
    "accepted",
    joinPng(before(chunks, "IDAT", { type: "abCd", data: nothing })),
  );
  yield malformed(
    "png/a part without a name",
    "refused",
    joinPng(before(chunks, "IDAT", { type: "\0\0\0\0", data: nothing })),
  );
  yield malformed(
    "png/as phones pack it",
    "refused",
    joinPng([{ type: "CgBI", data: u32s(0x50002002) }, ...chunks]),
  );
}

function* extras(chunks: readonly Chunk[]): Generator<MalformedImage> {
  const added = (type: string, data: Buffer) => joinPng(before(chunks, "IDAT", { type, data }));
  const many = Array.from(
    { length: 3000 },
    (_, index): Chunk => ({ type: "tEXt", data: text(`key${index}\0value`) }),
  );
  const compressed = Buffer.concat([text("Comment\0\0"), bomb()]);
  const cases: Array<[name: string, type: string, data: Buffer]> = [
    ["a profile that is a bomb", "iCCP", Buffer.concat([text("icc\0\0"), bomb()])],
    ["a profile of noise", "iCCP", Buffer.concat([text("icc\0\0"), deflateSync(Buffer.alloc(500, 3))])],
    ["a profile that is not packed", "iCCP", text("icc\0\0garbage")],
    ["a profile without an end of its name", "iCCP", Buffer.alloc(100, 65)],
    ["text that is a bomb", "zTXt", compressed],
    ["international text that is a bomb", "iTXt", Buffer.concat([text("Comment\0\x01\0\0\0"), bomb()])],
    ["5 MB of text", "tEXt", Buffer.concat([text("Comment\0"), Buffer.alloc(5_000_000, 65)])],
    ["text of control characters and HTML", "tEXt", text("\x01\x1b[31m\0<script>alert(1)</script>\xff\xfe")],
    ["EXIF of noise", "eXIf", Buffer.alloc(200, 0xe3)],
    [
      "EXIF that points at itself",
      "eXIf",
      Buffer.from("II*\0\x08\0\0\0\x01\0\x69\x87\x04\0\x01\0\0\0\x08\0\0\0\x08\0\0\0", "latin1"),
    ],
    ["gamma 0", "gAMA", u32s(0)],
    ["gamma at its largest", "gAMA", u32s(0xffffffff)],
    ["colours of zero", "cHRM", Buffer.alloc(32)],
    ["significant bits 255", "sBIT", Buffer.from([255, 255, 255])],
    ["dots without measure", "pHYs", Buffer.concat([u32s(0xffffffff, 0xffffffff), Buffer.from([9])])],
    ["a time that never was", "tIME", Buffer.from([0, 0, 99, 99, 99, 99, 99])],
    ["a histogram without colours", "hIST", Buffer.alloc(7)],
    [
      "XMP that is a bomb of entities",
      "iTXt",
      Buffer.concat([text("XML:com.adobe.xmp\0\0\0\0\0"), text(laughs)]),
    ],
  ];
  for (const [name, type, data] of cases) yield malformed(`png/${name}`, "accepted", added(type, data));
  yield malformed(
    "png/3,000 texts",
    "accepted",
    joinPng(chunks.flatMap((each) => (each.type === "IEND" ? [...many, each] : [each]))),
  );
  yield malformed(
    "png/text with a wrong checksum",
    "either",
    joinPng(before(chunks, "IDAT", { type: "tEXt", data: text("a\0b"), crc: 1 })),
  );
  yield malformed(
    "png/text of length 4294967295",
    "refused",
    joinPng(before(chunks, "IDAT", { type: "tEXt", data: text("a\0b"), length: 0xffffffff })),
  );
}

/** Entities that name each other ten times over. */
export const laughs = `<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha">${"bcdefghij"
  .split("")
  .map((name, index) => `<!ENTITY ${name} "${`&${"abcdefghi"[index]};`.repeat(10)}">`)
  .join(
    "",
  )}]><x:xmpmeta xmlns:x="adobe:ns:meta/"><d xmlns="http://purl.org/dc/elements/1.1/">&j;</d></x:xmpmeta>`;

function* palettes(chunks: readonly Chunk[]): Generator<MalformedImage> {
  const palette = (data: Buffer) => joinPng(replaced(chunks, "PLTE", data));
  yield malformed("png/no palette", "refused", joinPng(chunks.filter(({ type }) => type !== "PLTE")));
  yield malformed("png/an empty palette", "refused", palette(nothing));
  yield malformed("png/a palette of 5 bytes", "refused", palette(Buffer.alloc(5)));
  yield malformed("png/a palette of 257 colours", "refused", palette(Buffer.alloc(257 * 3)));
  yield malformed("png/colours that the palette lacks", "either", palette(Buffer.alloc(3)));
  yield malformed(
    "png/more transparency than colours",
    "either",
    joinPng(before(chunks, "IDAT", { type: "tRNS", data: Buffer.alloc(256) })),
  );
}

function* animations(chunks: readonly Chunk[]): Generator<MalformedImage> {
  const size = { width: 64, height: 48 };
  for (const frames of [0, 0x7fffffff, 0xffffffff])
    yield malformed(
      `png/an animation of ${frames} frames`,
      "accepted",
      joinPng(withFrames(chunks, size, { frames })),
    );
  yield malformed(
    "png/a frame beside the picture",
    "either",
    joinPng(withFrames(chunks, size, { offset: 0x7fffffff })),
  );
  yield malformed(
    "png/frames of another size",
    "either",
    joinPng(withFrames(chunks, { width: 60_000, height: 60_000 })),
  );
  const disordered = withFrames(chunks, size).reverse();
  yield malformed("png/frames before the picture", "refused", joinPng(disordered));
}

function replaced(chunks: readonly Chunk[], type: string, data: Buffer): Chunk[] {
  return chunks.map((chunk) => (chunk.type === type ? { type, data } : chunk));
}

function before(chunks: readonly Chunk[], type: string, added: Chunk): Chunk[] {
  const at = chunks.findIndex((chunk) => chunk.type === type);
  return [...chunks.slice(0, at), added, ...chunks.slice(at)];
}

function spoilt(bytes: Buffer, at: number): Buffer {
  const index = at < 0 ? bytes.byteLength + at : at;
  bytes[index] = (bytes[index] ?? 0) ^ 255;
  return bytes;
}
