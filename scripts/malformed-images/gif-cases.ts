import { type Expectation, type MalformedImage, malformed } from "./malformed-image.ts";

/** What of a small two-coloured GIF is unlike a sound one. */
interface GifOptions {
  canvas?: [width: number, height: number];
  frame?: [left: number, top: number, width: number, height: number];
  /** Packed byte of the header: whether and how large the table of colours is. */
  packed?: number;
  framePacked?: number;
  codeSize?: number;
  data?: Buffer;
  before?: Buffer;
  frames?: number;
  trailer?: Buffer;
  version?: string;
  background?: number;
}

// Clear, then 8 x 8 pixels of colour 1 with codes of 2 bits that grow to 12, and the end; written by hand once.
const sound = Buffer.from([
  0x0d, 0x8c, 0x8f, 0xa9, 0xcb, 0xed, 0x0f, 0xa3, 0x9c, 0xb4, 0xda, 0x8b, 0xb3, 0x3e, 0x05,
]);

/** Everything that is wrong with these is known to a reader of GIF; the picture is 8 x 8. */
export function* gifCases(): Generator<MalformedImage> {
  const cases: Array<[name: string, expectation: Expectation, options: GifOptions]> = [
    ["canvas 0 x 0", "either", { canvas: [0, 0] }],
    ["canvas 0 wide", "either", { canvas: [0, 8] }],
    ["canvas 65,535 x 65,535", "refused", { canvas: [65_535, 65_535] }],
    ["frame 0 x 0", "either", { frame: [0, 0, 0, 0] }],
    ["frame beside the canvas", "either", { frame: [60_000, 60_000, 8, 8] }],
    ["frame 65,535 x 65,535 on a small canvas", "either", { frame: [0, 0, 65_535, 65_535] }],
    ["frame larger than its data", "either", { frame: [0, 0, 2000, 2000] }],
    ["no table of colours", "either", { packed: 0x70 }],
    ["a table of 256 colours by its word", "either", { packed: 0xf7 }],
    ["a background colour that is not there", "either", { background: 255 }],
    ["a local table by its word", "either", { framePacked: 0x87 }],
    ["interlaced by its word", "either", { framePacked: 0x40 }],
    ["codes of 0 bits", "either", { codeSize: 0 }],
    ["codes of 1 bit", "either", { codeSize: 1 }],
    ["codes of 12 bits", "either", { codeSize: 12 }],
    ["codes of 255 bits", "either", { codeSize: 255 }],
    ["no codes", "either", { data: Buffer.alloc(0) }],
    ["codes of noise", "either", { data: Buffer.alloc(200, 0xe7) }],
    ["codes that clear for ever", "either", { data: Buffer.alloc(255, 0x24) }],
    ["no end", "either", { trailer: Buffer.alloc(0) }],
    ["no frame", "refused", { frames: 0 }],
    ["20,000 frames", "either", { frames: 20_000 }],
    ["version 88a", "either", { version: "GIF88a" }],
    ["version 99z", "refused", { version: "GIX99z" }],
    ["a comment of 1 MB", "either", { before: extension(0xfe, 4000) }],
    ["an unknown extension", "either", { before: extension(0x77, 3) }],
    ["a control block cut short", "either", { before: Buffer.from([0x21, 0xf9, 1, 0, 0]) }],
    [
      "disposal 7 and a transparent colour that is not there",
      "either",
      { before: Buffer.from([0x21, 0xf9, 4, 0x1d, 255, 255, 255, 0]) },
    ],
    [
      "an extension without end",
      "either",
      { before: Buffer.concat([Buffer.from([0x21, 0xfe]), Buffer.alloc(300, 255)]) },
    ],
    ["an unknown block", "either", { before: Buffer.from([0x99, 0x99]) }],
    [
      "something else behind",
      "either",
      { trailer: Buffer.concat([Buffer.from([0x3b]), Buffer.alloc(1000, 0x2c)]) },
    ],
  ];
  for (const [name, expectation, options] of cases) yield malformed(`gif/${name}`, expectation, gif(options));
}

function extension(label: number, blocks: number): Buffer {
  const block = Buffer.concat([Buffer.from([255]), Buffer.alloc(255, 65)]);
  return Buffer.concat([
    Buffer.from([0x21, label]),
    ...Array.from({ length: blocks }, () => block),
    Buffer.from([0]),
  ]);
}

function gif(options: GifOptions): Buffer {
  const {
    canvas = [8, 8],
    frame = [0, 0, 8, 8],
    packed = 0xf0,
    framePacked = 0,
    codeSize = 2,
    data = sound,
  } = options;
  const { version = "GIF89a", background = 0, before = Buffer.alloc(0), frames = 1 } = options;
  const shorts = (...values: number[]) => Buffer.from(values.flatMap((value) => [value & 255, value >> 8]));
  const header = Buffer.concat([
    Buffer.from(version),
    shorts(...canvas),
    Buffer.from([packed, background, 0]),
  ]);
  const colours = (packed & 0x80) === 0 ? Buffer.alloc(0) : Buffer.from([0, 0, 0, 220, 20, 60]);
  const blocks =
    data.byteLength === 0 ? [Buffer.from([0])] : [Buffer.from([data.byteLength]), data, Buffer.from([0])];
  const picture = Buffer.concat([
    Buffer.from([0x2c]),
    shorts(...frame),
    Buffer.from([framePacked, codeSize]),
    ...blocks,
  ]);
  return Buffer.concat([
    header,
    colours,
    before,
    ...Array.from({ length: frames }, () => picture),
    options.trailer ?? Buffer.from([0x3b]),
  ]);
}
