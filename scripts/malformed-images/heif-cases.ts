import { boundaryNumbers, type MalformedImage, malformed, withBytes, withU32 } from "./malformed-image.ts";
import type { SoundImages } from "./sound-images.ts";

// Boxes of every level that readers of these containers look at.
const boxTypes = [
  "ftyp",
  "meta",
  "hdlr",
  "pitm",
  "iloc",
  "iinf",
  "infe",
  "iprp",
  "ipco",
  "ispe",
  "ipma",
  "mdat",
  "av1C",
  "hvcC",
  "pixi",
  "colr",
  "irot",
  "iref",
  "dimg",
  "idat",
  "auxC",
];
// Where the damage is certain to matter.
const essential = new Set(["ftyp", "meta", "iloc", "iinf", "iprp", "ipco", "pitm"]);

/** Everything that is wrong with these is known to a reader of HEIF containers; `kind` is AVIF or HEIC. */
export function* heifCases(sound: SoundImages): Generator<MalformedImage> {
  for (const kind of ["avif-rgb", "avif-alpha", "heic-grid", "heic-profile"] as const) {
    const bytes = sound[kind];
    yield* boxes(kind, bytes);
    yield* sizes(kind, bytes);
    yield* places(kind, bytes);
  }
  yield* brands(sound["avif-rgb"]);
}

function* boxes(kind: string, bytes: Buffer): Generator<MalformedImage> {
  for (const type of boxTypes) {
    const at = bytes.indexOf(type, 0, "latin1") - 4;
    if (at < 0) continue;
    for (const value of [0, 1, 7, 0x7fffffff, 0xffffffff])
      yield malformed(`${kind}/${type} of length ${value}`, "either", withU32(bytes, at, value));
    const renamed = withBytes(bytes, at + 4, Buffer.from("free"));
    yield malformed(`${kind}/no ${type}`, essential.has(type) ? "refused" : "either", renamed);
    const end = Math.min(bytes.byteLength, at + bytes.readUInt32BE(at));
    if (end > at + 12) {
      const filled = Buffer.from(bytes).fill(0xff, at + 8, Math.min(end, at + 64));
      yield malformed(`${kind}/${type} of 0xff`, "either", filled);
      yield malformed(
        `${kind}/${type} of zeros`,
        "either",
        Buffer.from(bytes).fill(0, at + 8, Math.min(end, at + 64)),
      );
    }
  }
}

function* sizes(kind: string, bytes: Buffer): Generator<MalformedImage> {
  const at = bytes.indexOf("ispe", 0, "latin1");
  for (const value of boundaryNumbers) {
    yield malformed(`${kind}/width ${value}`, "either", withU32(bytes, at + 8, value));
    yield malformed(`${kind}/height ${value}`, "either", withU32(bytes, at + 12, value));
  }
  let all: Buffer = Buffer.from(bytes);
  for (let next = at; next >= 0; next = all.indexOf("ispe", next + 4, "latin1")) {
    all = withU32(withU32(all, next + 8, 100_000), next + 12, 100_000);
  }
  yield malformed(`${kind}/100,000 x 100,000`, "refused", all);
}

function* places(kind: string, bytes: Buffer): Generator<MalformedImage> {
  const iloc = bytes.indexOf("iloc", 0, "latin1");
  const end = iloc - 4 + bytes.readUInt32BE(iloc - 4);
  // Places and lengths lie on no boundary that holds for all versions, so every even one is tried.
  for (let at = iloc + 10; at + 4 <= end; at += 4) {
    yield malformed(`${kind}/a place far away (${at - iloc})`, "either", withU32(bytes, at, 0xfffffff0));
  }
  yield malformed(`${kind}/65,535 places by its word`, "either", withBytes(bytes, iloc + 10, [0xff, 0xff]));
  const pitm = bytes.indexOf("pitm", 0, "latin1");
  yield malformed(
    `${kind}/a primary picture that is not there`,
    "refused",
    withBytes(bytes, pitm + 8, [0xff, 0xfe]),
  );
  const iref = bytes.indexOf("dimg", 0, "latin1");
  if (iref > 0) {
    const itself = Buffer.from(bytes.subarray(iref + 4, iref + 6));
    yield malformed(
      `${kind}/a picture put together from itself`,
      "either",
      withBytes(bytes, iref + 8, itself),
    );
    yield malformed(`${kind}/65,535 parts by its word`, "either", withBytes(bytes, iref + 6, [0xff, 0xff]));
  }
}

function* brands(avif: Buffer): Generator<MalformedImage> {
  const rest = avif.subarray(avif.readUInt32BE(0));
  const typed = (major: string, compatible: string[]) => {
    const body = Buffer.from(`ftyp${major}\0\0\0\0${compatible.join("")}`, "latin1");
    const head = Buffer.alloc(4);
    head.writeUInt32BE(body.byteLength + 4);
    return Buffer.concat([head, body, rest]);
  };
  const many = Array.from({ length: 10_000 }, (_, index) => `b${String(index % 1000).padStart(3, "0")}`);
  yield malformed("heif/10,000 brands", "either", typed("avif", many));
  yield malformed("heif/no brand but its first", "either", typed("avif", []));
  yield malformed("heif/AV1 called HEIC", "either", typed("heic", ["mif1", "heic"]));
  for (const major of ["isom", "mp42", "qt  ", "crx ", "jp2 ", "\0\0\0\0"])
    yield malformed(
      `heif/${major.trim().replaceAll("\0", "0")} by its brand`,
      "refused",
      typed(major, [major]),
    );
  const boxesOf = (count: number) =>
    Buffer.concat(Array.from({ length: count }, () => Buffer.from("\0\0\0\x08free", "latin1")));
  yield malformed(
    "heif/20,000 boxes before it",
    "either",
    Buffer.concat([avif.subarray(0, avif.readUInt32BE(0)), boxesOf(20_000), rest]),
  );
  const nested = Buffer.alloc(80_000);
  for (let depth = 0; depth < 10_000; depth++) {
    nested.writeUInt32BE(nested.byteLength - depth * 8, depth * 8);
    nested.write("iprp", depth * 8 + 4, "latin1");
  }
  yield malformed(
    "heif/10,000 boxes in each other",
    "refused",
    Buffer.concat([avif.subarray(0, avif.readUInt32BE(0)), nested]),
  );
}
