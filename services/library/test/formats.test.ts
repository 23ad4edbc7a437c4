import { libraryV1 } from "@ocelli/contracts";
import sharp, { type Sharp } from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { jpeg, meanColor, photo, picture } from "./photos-for-tests.ts";

const owner = crypto.randomUUID();
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

async function uploadAndPreview(bytes: Buffer) {
  const { photo: stored } = await library.upload(owner, bytes);
  if (!stored) throw new Error("no photo in the answer");
  const preview = await library.download(owner, stored.id, libraryV1.Rendition.RENDITION_PREVIEW);
  return { stored, preview, metadata: await sharp(preview).metadata() };
}

async function frames(): Promise<Buffer> {
  const page = { width: 64, height: 48 };
  const first = await picture(1, page).raw().toBuffer();
  const second = Buffer.alloc(first.byteLength, 128);
  return sharp(Buffer.concat([first, second]), {
    raw: { width: page.width, height: page.height * 2, channels: 3, pageHeight: page.height },
  })
    .gif({ delay: [100, 100] })
    .toBuffer();
}

describe("every format becomes an upright 8-bit sRGB JPEG", () => {
  const cases: Array<[string, string, () => Promise<Buffer>]> = [
    ["JPEG", "image/jpeg", () => jpeg(11)],
    ["PNG", "image/png", () => picture(12).png().toBuffer()],
    ["WebP", "image/webp", () => picture(13).webp({ quality: 95 }).toBuffer()],
    ["AVIF", "image/avif", () => picture(14).avif({ quality: 90 }).toBuffer()],
    ["TIFF", "image/tiff", () => picture(15).tiff().toBuffer()],
    ["animated GIF", "image/gif", frames],
    [
      "animated WebP",
      "image/webp",
      async () =>
        sharp(await frames(), { animated: true })
          .webp()
          .toBuffer(),
    ],
    ["CMYK JPEG", "image/jpeg", () => picture(16).toColourspace("cmyk").jpeg({ quality: 95 }).toBuffer()],
    ["16-bit PNG", "image/png", () => picture(17).toColourspace("rgb16").png().toBuffer()],
    ["Display P3", "image/png", () => picture(18).withIccProfile("p3").png().toBuffer()],
  ];
  test.each(cases)("%s", async (_name, mediaType, make) => {
    const { stored, preview, metadata } = await uploadAndPreview(await make());
    expect(stored).toMatchObject({ mediaType, width: 64, height: 48 });
    expect(metadata).toMatchObject({
      format: "jpeg",
      width: 64,
      height: 48,
      space: "srgb",
      channels: 3,
      depth: "uchar",
    });
    expect(metadata.exif ?? metadata.icc ?? metadata.xmp).toBeUndefined();
    const [red, , blue] = await meanColor(preview, { left: 4, top: 4, width: 20, height: 40 });
    expect(red).toBeGreaterThan(150);
    expect(blue).toBeLessThan(110);
  });

  test.each([1, 2, 3, 4, 5, 6, 7, 8])("EXIF orientation %i", async (orientation) => {
    const upright = picture(20 + orientation, { width: 64, height: 48 });
    const { stored: found, preview } = await uploadAndPreview(await written(upright, orientation));
    expect(found).toMatchObject({ width: 64, height: 48 });
    const [red] = await meanColor(preview, { left: 2, top: 2, width: 20, height: 40 });
    expect(red).toBeGreaterThan(180);
  });

  test("grey and transparent PNG become opaque colour, transparency on white", async () => {
    const grey = await uploadAndPreview(await picture(40).greyscale().png().toBuffer());
    expect(grey.metadata).toMatchObject({ channels: 3, space: "srgb" });
    const clear = { width: 64, height: 48, channels: 4, background: { r: 0, g: 0, b: 0, alpha: 0 } } as const;
    const { preview } = await uploadAndPreview(await sharp({ create: clear }).png().toBuffer());
    expect(await meanColor(preview, { left: 0, top: 0, width: 64, height: 48 })).toEqual([255, 255, 255]);
  });

  test("large pictures shrink to 1440 and 320, small ones keep their size", async () => {
    const { stored: found, metadata } = await uploadAndPreview(
      await picture(41, { width: 3000, height: 2000 }).jpeg().toBuffer(),
    );
    expect(found).toMatchObject({ width: 3000, height: 2000 });
    expect(metadata).toMatchObject({ width: 1440, height: 960 });
    const thumbnail = await library.download(owner, found.id, libraryV1.Rendition.RENDITION_THUMBNAIL);
    expect(await sharp(thumbnail).metadata()).toMatchObject({ width: 320, height: 213 });
  });

  test("a real photo keeps its bytes, EXIF is read", async () => {
    const bytes = await sharp(await photo("rocket.jpg"))
      .withExif({
        IFD0: { Make: "Ocelli\u0007 Works", Model: "One" },
        IFD2: {
          DateTimeOriginal: "2019:07:20 20:17:40",
          OffsetTimeOriginal: "+02:00",
          FNumber: "28/10",
          ExposureTime: "1/250",
        },
        IFD3: {
          GPSLatitudeRef: "S",
          GPSLatitude: "33/1 30/1 0/1",
          GPSLongitudeRef: "E",
          GPSLongitude: "151/1 12/1 0/1",
        },
      })
      .jpeg()
      .toBuffer();
    const { photo: found } = await library.upload(owner, bytes);
    expect(found?.takenAt).toEqual(new Date("2019-07-20T18:17:40Z"));
    expect(JSON.parse(found?.exifJson ?? "")).toEqual({
      cameraMake: "Ocelli Works",
      cameraModel: "One",
      aperture: 2.8,
      exposureTime: 0.004,
      latitude: -33.5,
      longitude: 151.2,
    });
    const original = await library.download(owner, found?.id ?? "", libraryV1.Rendition.RENDITION_ORIGINAL);
    expect(original.equals(bytes)).toBe(true);
  });
});

/** What a camera held in an orientation would have written: turned pixels and the tag that undoes it. */
async function written(upright: Sharp, orientation: number): Promise<Buffer> {
  const [degrees, mirrored] = turns[orientation] ?? [0, false];
  const turned = sharp(await upright.png().toBuffer()).rotate(degrees);
  // In a pipeline of its own: within one, the mirror image would be made before the turn.
  const pixels = sharp(await turned.png().toBuffer()).flop(mirrored);
  return pixels.withMetadata({ orientation }).jpeg({ quality: 95 }).toBuffer();
}

/** Degrees clockwise and a left-right mirror afterwards, by orientation. */
const turns: Record<number, [degrees: number, mirrored: boolean]> = {
  1: [0, false],
  2: [0, true],
  3: [180, false],
  4: [180, true],
  5: [90, true],
  6: [270, false],
  7: [270, true],
  8: [90, false],
};
