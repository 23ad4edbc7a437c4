import { readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { AppError } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createHeicDecoder } from "../src/images/heic/heic-decoder.ts";
import { wrapAsTiff } from "../src/images/heic/tiff-wrap.ts";
import { withProperty } from "./heif-boxes.ts";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { meanColor, photo } from "./photos-for-tests.ts";

// Made from a generated picture (red left, blue right; the second one turned, with a profile) by libheif's `heif-enc`
// with x265, in the structure that phones write: a grid of HEVC tiles and an EXIF item.
const fixture = (name: string) => readFile(new URL(`fixtures/${name}.heic`, import.meta.url));
const owner = crypto.randomUUID();
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary({ maxImagePixels: 1_000_000 });
});
afterAll(() => library?.stop());

async function uploadAndPreview(bytes: Buffer) {
  const { photo: stored } = await library.upload(owner, bytes, { filename: "IMG_0001.HEIC" });
  if (!stored) throw new Error("no photo in the answer");
  const preview = await library.download(owner, stored.id, libraryV1.Rendition.RENDITION_PREVIEW);
  return { stored, preview, metadata: await sharp(preview).metadata() };
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

describe("a HEIC photo", () => {
  test("is stored as it is, with an upright JPEG preview and its metadata", async () => {
    const bytes = await fixture("picture");
    const { stored, preview, metadata } = await uploadAndPreview(bytes);
    expect(stored).toMatchObject({
      mediaType: "image/heic",
      width: 64,
      height: 48,
      camera: "Ocelli Works One",
    });
    expect(stored.takenAt).toEqual(new Date("2024-06-01T10:30:00Z"));
    expect(stored).toMatchObject({ takenAtOffsetMinutes: 120, location: { country: "France" } });
    expect(metadata).toMatchObject({ format: "jpeg", width: 64, height: 48, space: "srgb" });
    expect(metadata.exif ?? metadata.icc ?? metadata.xmp).toBeUndefined();
    const [left] = await meanColor(preview, { left: 2, top: 2, width: 20, height: 40 });
    const [right] = await meanColor(preview, { left: 42, top: 2, width: 20, height: 40 });
    expect(left).toBeGreaterThan(200);
    expect(right).toBeLessThan(40);
    const original = await library.download(owner, stored.id, libraryV1.Rendition.RENDITION_ORIGINAL);
    expect(original.equals(bytes)).toBe(true);
  });

  test("is turned by its container, once, whatever EXIF says", async () => {
    // EXIF of this one asks for a turn as well; in HEIF it has no say.
    const plain = await uploadAndPreview(await fixture("picture-icc"));
    expect(plain.stored).toMatchObject({ width: 48, height: 64 });
    expect((await meanColor(plain.preview, { left: 2, top: 2, width: 40, height: 24 }))[0]).toBeGreaterThan(
      200,
    );
    const turned = await uploadAndPreview(
      withProperty(await fixture("picture-icc"), "irot", Buffer.from([1])),
    );
    expect(turned.stored).toMatchObject({ width: 64, height: 48 });
    expect(turned.metadata).toMatchObject({ width: 64, height: 48 });
    expect((await meanColor(turned.preview, { left: 2, top: 2, width: 24, height: 40 }))[0]).toBeGreaterThan(
      200,
    );
    const upsideDown = await uploadAndPreview(
      withProperty(await fixture("picture"), "irot", Buffer.from([2])),
    );
    expect((await meanColor(upsideDown.preview, { left: 2, top: 2, width: 20, height: 40 }))[0]).toBeLessThan(
      40,
    );
  });

  test("several at once, and the same bytes by two owners", async () => {
    const bytes = await fixture("picture");
    const all = Array.from({ length: 4 }, (_, index) => withProperty(bytes, "free", Buffer.alloc(index + 1)));
    const stored = await Promise.all(all.map((each) => uploadAndPreview(each)));
    expect(stored.map((each) => each.metadata.width)).toEqual([64, 64, 64, 64]);
    expect((await library.upload(crypto.randomUUID(), bytes)).duplicate).toBe(false);
  });
});

describe("refused, with a reason and nothing left behind", () => {
  test("more pixels than allowed, before anything is decoded", async () => {
    const bytes = resized(await fixture("picture"), 20_000, 20_000);
    const start = performance.now();
    expect(await reasonOf(library.upload(owner, bytes))).toBe("TOO_MANY_PIXELS");
    expect(performance.now() - start).toBeLessThan(2000);
  });

  test("a file cut at any point", async () => {
    const bytes = await fixture("picture");
    for (const end of [20, 60, 200, 400, 520, 640, 700, 900]) {
      const reason = await reasonOf(library.upload(owner, bytes.subarray(0, end)));
      expect(["CORRUPT_IMAGE", "UNSUPPORTED_MEDIA_TYPE"], `cut at ${end}`).toContain(reason);
    }
  });

  test("noise in place of the coded picture, and anywhere else, never ends the service", async () => {
    const bytes = await fixture("picture");
    for (let seed = 1; seed <= 12; seed++) {
      const noise = Buffer.from(bytes);
      for (let turn = 0; turn < 12; turn++)
        noise[(seed * 97 + turn * 83) % noise.byteLength] = (seed * turn) & 255;
      await reasonOf(library.upload(owner, noise));
    }
    expect((await uploadAndPreview(bytes)).metadata.width).toBe(64);
  });

  test("HEVC under an AVIF brand, and a HEIF picture that is AVIF, are told apart by their codec", async () => {
    const hevc = Buffer.from(await fixture("picture"));
    hevc.write("mif1", 8, "latin1");
    expect((await uploadAndPreview(hevc)).stored.mediaType).toBe("image/heic");
    const avif = await sharp(await photo("rocket.jpg"))
      .resize(64, 48)
      .avif()
      .toBuffer();
    avif.write("mif1", 8, "latin1");
    expect((await uploadAndPreview(avif)).stored.mediaType).toBe("image/avif");
  });
});

describe("the decoder", () => {
  const limits = { maxPixels: 1_000_000, timeoutMs: 20_000 };

  test("ends a decoding that takes too long, and goes on with the next", async () => {
    const path = join(tmpdir(), `ocelli-${crypto.randomUUID()}.heic`);
    await writeFile(path, await fixture("picture"));
    const hasty = createHeicDecoder({ ...limits, timeoutMs: 1 });
    await expect(hasty.decode(path, undefined)).rejects.toThrow("takes longer than 1 ms");
    await hasty.close();
    const decoder = createHeicDecoder(limits, 50);
    try {
      const tiff = await decoder.decode(path, undefined);
      expect(await sharp(tiff).metadata()).toMatchObject({
        format: "tiff",
        width: 64,
        height: 48,
        channels: 3,
      });
      // The thread has ended by then; the next picture gets a new one.
      await new Promise((resolve) => setTimeout(resolve, 400));
      expect((await decoder.decode(path, undefined)).byteLength).toBe(tiff.byteLength);
      await expect(createHeicDecoder({ ...limits, maxPixels: 100 }).decode(path, undefined)).rejects.toThrow(
        "too many pixels",
      );
    } finally {
      await decoder.close();
    }
  });

  test("keeps transparency and the colour profile", async () => {
    const rgba = Buffer.alloc(4 * 6, 200);
    rgba.fill(255, 3, 4);
    const p3 = await sharp({ create: { width: 2, height: 2, channels: 3, background: "red" } })
      .withIccProfile("p3")
      .png()
      .toBuffer();
    const { icc } = await sharp(p3).metadata();
    const found = await sharp(wrapAsTiff({ width: 3, height: 2, data: rgba }, icc)).metadata();
    expect(found).toMatchObject({ width: 3, height: 2, channels: 4, hasAlpha: true });
    expect(found.icc?.equals(icc ?? Buffer.alloc(0))).toBe(true);
  });
});

/** Makes every picture of a container claim another size. */
function resized(bytes: Buffer, width: number, height: number): Buffer {
  const copy = Buffer.from(bytes);
  for (let at = copy.indexOf("ispe"); at >= 0; at = copy.indexOf("ispe", at + 1)) {
    copy.writeUInt32BE(width, at + 8);
    copy.writeUInt32BE(height, at + 12);
  }
  return copy;
}
