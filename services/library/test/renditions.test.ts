import { rm } from "node:fs/promises";
import { AppError } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg, meanColor, photo, picture } from "./photos-for-tests.ts";

const { RENDITION_ORIGINAL, RENDITION_PREVIEW, RENDITION_THUMBNAIL } = libraryV1.Rendition;
const owner = crypto.randomUUID();
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

async function store(bytes: Buffer): Promise<{ id: string; sha256: string }> {
  const { photo: stored } = await library.upload(owner, bytes);
  if (!stored) throw new Error("no photo in the answer");
  return stored;
}

async function fileOf(sha256: string, suffix: string): Promise<string> {
  const found = (await library.files()).find((path) => path.endsWith(`${sha256}${suffix}`));
  if (!found) throw new Error("no such file");
  return found;
}

async function range(
  id: string,
  offset: number,
  length: number,
  rendition: libraryV1.Rendition = RENDITION_ORIGINAL,
) {
  const bearer = await library.userToken(owner);
  const chunks: Uint8Array[] = [];
  let sizeBytes = -1;
  const call = library.client.downloadPhoto({ photoId: id, rendition, offset, length }, { bearer });
  for await (const { part } of call) {
    if (part?.$case === "chunk") chunks.push(part.value);
    if (part?.$case === "info") sizeBytes = part.value.sizeBytes;
  }
  return { bytes: Buffer.concat(chunks), sizeBytes };
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

describe("lost renditions", () => {
  test("are made again from the original, once for all who ask", async () => {
    const { id, sha256 } = await store(await photo("coffee.png"));
    const before = await library.download(owner, id, RENDITION_PREVIEW);
    await rm(await fileOf(sha256, ".preview.jpg"));
    await rm(await fileOf(sha256, ".thumbnail.jpg"));
    const all = await Promise.all([
      ...Array.from({ length: 6 }, () => library.download(owner, id, RENDITION_PREVIEW)),
      library.download(owner, id, RENDITION_THUMBNAIL),
    ]);
    expect(all.slice(0, 6).every((bytes) => bytes.equals(before))).toBe(true);
    expect(await sharp(all[6]).metadata()).toMatchObject({ format: "jpeg", width: 320 });
    await rm(await fileOf(sha256, ".preview.jpg"));
    expect((await library.fetchForAnalysis(owner, id, ["scene"])).equals(before)).toBe(true);
    expect((await library.files()).filter((path) => path.startsWith(`${library.blobDir}/tmp/`))).toEqual([]);
  });

  test("cannot be made without the original", async () => {
    const { id, sha256 } = await store(await jpeg(77));
    for (const suffix of ["", ".preview.jpg"]) await rm(await fileOf(sha256, suffix));
    for (const rendition of [RENDITION_ORIGINAL, RENDITION_PREVIEW]) {
      await expect(library.download(owner, id, rendition)).rejects.toThrow("INTERNAL");
    }
    expect((await library.download(owner, id, RENDITION_THUMBNAIL)).byteLength).toBeGreaterThan(100);
  });
});

describe("a part of the bytes", () => {
  test("is exactly that", async () => {
    const bytes = await photo("rocket.jpg");
    const { id } = await store(bytes);
    const size = bytes.byteLength;
    for (const [offset, length] of [
      [0, 1],
      [0, 65_536],
      [65_535, 2],
      [65_537, 70_000],
      [size - 1, 0],
      [10, size * 2],
      [0, 0],
    ] as const) {
      const found = await range(id, offset, length);
      expect(found.sizeBytes).toBe(size);
      expect(found.bytes.equals(bytes.subarray(offset, length === 0 ? size : offset + length))).toBe(true);
    }
    expect(await reasonOf(range(id, size, 0))).toBe("RANGE_NOT_SATISFIABLE");
    expect(await reasonOf(range(id, size + 5, 1, RENDITION_PREVIEW))).toBe("RANGE_NOT_SATISFIABLE");
    for (const [offset, length] of [
      [-1, 0],
      [0, -1],
    ] as const) {
      expect(await reasonOf(range(id, offset, length))).toBe("INVALID_RANGE");
    }
  });
});

describe("renditions", () => {
  test("carry nothing of the original's metadata", async () => {
    const secret = "SECRET-NAME";
    const bytes = await picture(70)
      .withExif({
        IFD0: { Artist: secret, ImageDescription: secret },
        IFD3: {
          GPSLatitudeRef: "N",
          GPSLatitude: "48/1 0/1 0/1",
          GPSLongitudeRef: "E",
          GPSLongitude: "2/1 0/1 0/1",
        },
      })
      .withXmp(`<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF>${secret}</rdf:RDF></x:xmpmeta>`)
      .withIccProfile("p3", { attach: true })
      .jpeg()
      .toBuffer();
    expect(bytes.includes(secret)).toBe(true);
    const { id } = await store(bytes);
    for (const rendition of [RENDITION_PREVIEW, RENDITION_THUMBNAIL]) {
      const made = await library.download(owner, id, rendition);
      const { exif, xmp, iptc, icc, orientation } = await sharp(made).metadata();
      expect([exif, xmp, iptc, icc, orientation]).toEqual([
        undefined,
        undefined,
        undefined,
        undefined,
        undefined,
      ]);
      for (const trace of [secret, "Exif", "http://ns.adobe.com", "ICC_PROFILE", "Photoshop"]) {
        expect(made.includes(trace), trace).toBe(false);
      }
    }
  });

  test("show the colours that a wide profile means", async () => {
    // The most saturated red of Display P3 lies outside of sRGB; read as sRGB, the same numbers would be a duller one.
    const size = { width: 64, height: 48, channels: 3 } as const;
    const half = { r: 200, g: 60, b: 60 };
    const inSrgb = sharp({ create: { ...size, background: half } });
    const { id } = await store(await inSrgb.withIccProfile("p3").png().toBuffer());
    const found = await meanColor(await library.download(owner, id, RENDITION_PREVIEW), {
      left: 4,
      top: 4,
      width: 40,
      height: 30,
    });
    for (const [index, value] of [half.r, half.g, half.b].entries()) {
      expect(Math.abs((found[index] ?? 0) - value)).toBeLessThanOrEqual(4);
    }
  });
});
