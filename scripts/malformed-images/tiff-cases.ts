import { deflateSync } from "node:zlib";
import {
  boundaryNumbers,
  type Expectation,
  type MalformedImage,
  malformed,
  withU32,
} from "./malformed-image.ts";
import { bigTiff, type Field, plainTiff, type TiffOptions } from "./tiff.ts";

/** Everything that is wrong with these is known to a reader of TIFF. */
export function* tiffCases(): Generator<MalformedImage> {
  yield* directories();
  yield* sizes();
  yield* strips();
  yield* codings();
  yield* tiles();
  yield* oddities();
  yield* big();
}

function* directories(): Generator<MalformedImage> {
  const sound = plainTiff();
  for (const value of [...boundaryNumbers, 4, 8, sound.byteLength - 1, sound.byteLength])
    yield malformed(`tiff/its directory at ${value}`, "refused", withU32(sound, 4, value, "little"));
  const at = sound.readUInt32LE(4);
  for (const claimedFields of [0, 1, 9, 11, 512, 65_535])
    yield malformed(
      `tiff/${claimedFields} fields by its word`,
      claimedFields < 2 ? "refused" : "either",
      plainTiff({ claimedFields }),
    );
  const cases: Array<[name: string, options: TiffOptions]> = [
    ["a chain that comes back to its beginning", { next: at }],
    ["a chain that goes beyond the end", { next: 0xfffffff0 }],
    ["a chain that goes into the pixels", { next: 8 }],
    ["sub-directories that are itself", { extra: [[0x14a, 4, [at, at, at]]] }],
    ["EXIF that is itself", { extra: [[0x8769, 4, [at]]] }],
    ["EXIF beyond the end", { extra: [[0x8769, 4, [0xfffffff0]]] }],
    ["a place that is itself", { extra: [[0x8825, 4, [at]]] }],
    ["a page of another size behind", { pages: 200 }],
  ];
  for (const [name, options] of cases) yield malformed(`tiff/${name}`, "either", plainTiff(options));
  yield malformed(
    "tiff/the other order of bytes by its word",
    "refused",
    Buffer.concat([Buffer.from("MM\0*", "latin1"), sound.subarray(4)]),
  );
  yield malformed("tiff/the other order of bytes", "accepted", plainTiff({ littleEndian: false }));
  yield malformed("tiff/only its header", "refused", sound.subarray(0, 8));
}

function* sizes(): Generator<MalformedImage> {
  for (const value of boundaryNumbers.filter((each) => each !== 1)) {
    yield malformed(`tiff/width ${value}`, "refused", plainTiff({ extra: [[256, 4, [value]]] }));
    yield malformed(`tiff/height ${value}`, "refused", plainTiff({ extra: [[257, 4, [value]]] }));
  }
  yield malformed(
    "tiff/100,000 x 100,000",
    "refused",
    plainTiff({
      extra: [
        [256, 4, [100_000]],
        [257, 4, [100_000]],
      ],
    }),
  );
  for (const tag of [256, 257, 258, 259, 262, 273, 277, 279])
    yield malformed(`tiff/without field ${tag}`, "either", plainTiff({ without: [tag] }));
  for (const values of [[0, 0, 0], [3, 5, 7], [64, 64, 64], [65_535, 65_535, 65_535], [8], [16, 16, 16]])
    yield malformed(`tiff/bits ${values.join(", ")}`, "either", plainTiff({ extra: [[258, 3, values]] }));
  for (const value of [0, 1, 2, 5, 255, 65_535])
    yield malformed(`tiff/${value} samples`, "either", plainTiff({ extra: [[277, 3, [value]]] }));
}

function* strips(): Generator<MalformedImage> {
  for (const value of boundaryNumbers) {
    yield malformed(
      `tiff/pixels at ${value}`,
      value > 0x7ffffffe ? "refused" : "either",
      plainTiff({ extra: [[273, 4, [value]]] }),
    );
    yield malformed(`tiff/${value} bytes of pixels`, "either", plainTiff({ extra: [[279, 4, [value]]] }));
    yield malformed(`tiff/${value} rows in a strip`, "either", plainTiff({ extra: [[278, 4, [value]]] }));
  }
  const many = Array.from({ length: 20_000 }, () => 8);
  yield malformed(
    "tiff/20,000 strips at one place",
    "either",
    plainTiff({
      extra: [
        [273, 4, many],
        [279, 4, many],
        [278, 3, [1]],
      ],
    }),
  );
  yield malformed(
    "tiff/half the pixels",
    "refused",
    plainTiff({ pixels: Buffer.alloc(64 * 24 * 3), extra: [[273, 4, [200_000]]] }),
  );
}

const codes: Readonly<Record<string, number>> = {
  CCITT: 2,
  "group 4": 4,
  LZW: 5,
  "old JPEG": 6,
  JPEG: 7,
  deflate: 8,
  JBIG: 34661,
  PackBits: 32773,
  LERC: 34887,
  LZMA: 34925,
  Zstandard: 50000,
  WebP: 50001,
  "nothing known": 9999,
};

function* codings(): Generator<MalformedImage> {
  for (const [name, code] of Object.entries(codes)) {
    const pixels = Buffer.alloc(2000, 0x5b);
    yield malformed(
      `tiff/noise as ${name}`,
      name === "CCITT" || name === "group 4" || name === "PackBits" ? "either" : "refused",
      plainTiff({ pixels, extra: [[259, 3, [code]]] }),
    );
  }
  const bomb = deflateSync(Buffer.alloc(16 * 1024 * 1024), { level: 1 });
  yield malformed("tiff/a bomb of pixels", "either", plainTiff({ pixels: bomb, extra: [[259, 3, [8]]] }));
  yield malformed(
    "tiff/an unknown prediction",
    "either",
    plainTiff({
      pixels: deflateSync(Buffer.alloc(9216)),
      extra: [
        [259, 3, [8]],
        [317, 3, [99]],
      ],
    }),
  );
  for (const value of [3, 4, 5, 6, 8, 32_803, 65_535])
    yield malformed(`tiff/colours ${value}`, "either", plainTiff({ extra: [[262, 3, [value]]] }));
  for (const value of [0, 2, 9])
    yield malformed(`tiff/planes ${value}`, "either", plainTiff({ extra: [[284, 3, [value]]] }));
  yield malformed(
    "tiff/a palette of three numbers",
    "either",
    plainTiff({
      extra: [
        [262, 3, [3]],
        [277, 3, [1]],
        [258, 3, [8]],
        [320, 3, [1, 2, 3]],
      ],
    }),
  );
}

function* tiles(): Generator<MalformedImage> {
  const tiled = (width: number, height: number, offsets: number[] = [8]): TiffOptions => ({
    without: [273, 278, 279],
    extra: [
      [322, 4, [width]],
      [323, 4, [height]],
      [324, 4, offsets],
      [325, 4, offsets.map(() => 768)],
    ],
  });
  for (const value of [0, 1, 7, 16, 65_536, 0x7ffffff0, 0xffffffff])
    yield malformed(
      `tiff/tiles of ${value}`,
      value === 16 ? "either" : value < 8 ? "either" : "refused",
      plainTiff(tiled(value, value)),
    );
  yield malformed(
    "tiff/tiles beyond the end",
    "either",
    plainTiff(
      tiled(
        16,
        16,
        Array.from({ length: 12 }, () => 0xfffffff0),
      ),
    ),
  );
  yield malformed(
    "tiff/tiles that are one",
    "accepted",
    plainTiff(
      tiled(
        16,
        16,
        Array.from({ length: 12 }, () => 8),
      ),
    ),
  );
  yield malformed(
    "tiff/tiles without places",
    "refused",
    plainTiff({
      without: [273, 278, 279],
      extra: [
        [322, 4, [16]],
        [323, 4, [16]],
      ],
    }),
  );
}

function* oddities(): Generator<MalformedImage> {
  const noise = Buffer.alloc(600, 0x3c);
  const cases: Array<[name: string, expectation: Expectation, extra: Field[]]> = [
    ["a profile of noise", "accepted", [[34675, 7, noise]]],
    ["XMP of noise", "accepted", [[700, 1, noise]]],
    ["IPTC of noise", "accepted", [[33723, 7, noise]]],
    ["Photoshop's part of noise", "accepted", [[34377, 1, noise]]],
    ["a field of type 0", "either", [[0x9999, 0, [1]]]],
    ["a field of type 255", "either", [[0x9999, 255, [1]]]],
    ["a description without end", "accepted", [[270, 2, "<b>\xff\xfe\x01".repeat(400)]]],
    ["65,535 further samples", "either", [[338, 3, [65_535]]]],
    ["samples of an unknown format", "either", [[339, 3, [99, 99, 99]]]],
    ["samples that are broken numbers", "either", [[339, 3, [3, 3, 3]]]],
    [
      "a resolution of 0/0",
      "either",
      [
        [282, 5, [0, 0]],
        [283, 5, [0, 0]],
        [296, 3, [77]],
      ],
    ],
  ];
  for (const [name, expectation, extra] of cases)
    yield malformed(`tiff/${name}`, expectation, plainTiff({ extra }));
  for (const value of [0, 5, 8, 9, 255, 65_535])
    yield malformed(
      `tiff/turned by ${value}`,
      value === 5 || value === 8 ? "accepted" : "either",
      plainTiff({ extra: [[274, 3, [value]]] }),
    );
  const endless = withCount(plainTiff({ extra: [[270, 2, "some words"]] }), 270, 0xffffffff);
  yield malformed("tiff/a description of 4 GiB by its word", "either", endless);
}

function* big(): Generator<MalformedImage> {
  yield malformed("tiff/offsets of 4 bytes where 8 are said", "refused", bigTiff({ offsetBytes: 4 }));
  yield malformed("tiff/offsets of 65,535 bytes", "refused", bigTiff({ offsetBytes: 65_535 }));
  for (const fieldCount of [0n, 0x7fffffffn, 0x7fffffffffffffffn, 0xffffffffffffffffn])
    yield malformed(`tiff/${fieldCount} large fields`, "refused", bigTiff({ fieldCount }));
  yield malformed(
    "tiff/a large chain that goes beyond the end",
    "either",
    bigTiff({ next: 0xfffffffffffffff0n }),
  );
  yield malformed("tiff/a large chain that comes back", "either", bigTiff({ next: 16n }));
}

function withCount(bytes: Buffer, tag: number, count: number): Buffer {
  const directory = bytes.readUInt32LE(4);
  for (let entry = directory + 2; entry + 12 <= bytes.byteLength; entry += 12)
    if (bytes.readUInt16LE(entry) === tag) return withU32(bytes, entry + 4, count, "little");
  throw new Error(`no field ${tag}`);
}
