import { randomBytes } from "node:crypto";
import sharp from "sharp";
import { expect, test } from "vitest";
import { cropArea, cutCrop, maxCropBytes } from "./crop.ts";

const picture = (width: number, height: number, data = new Uint8Array(width * height * 3).fill(120)) => ({
  key: "k",
  width,
  height,
  data,
});

test("the area is a square with a margin around the face, moved into the picture", () => {
  const box = { x: 0.4, y: 0.4, width: 0.1, height: 0.2 };
  expect(cropArea(box, 1000, 1000)).toEqual({ left: 290, top: 340, width: 320, height: 320 });
  expect(cropArea({ ...box, x: 0, y: 0.8 }, 1000, 1000)).toEqual({
    left: 0,
    top: 680,
    width: 320,
    height: 320,
  });
  // Wider than the picture is high: as much as there is.
  expect(cropArea({ x: 0, y: 0, width: 1, height: 1 }, 400, 100)).toEqual({
    left: 0,
    top: 0,
    width: 400,
    height: 100,
  });
  // Faces of less than a pixel and at the very edge stay inside.
  expect(cropArea({ x: 1, y: 1, width: 0, height: 0 }, 10, 10)).toEqual({
    left: 9,
    top: 9,
    width: 1,
    height: 1,
  });
});

test("a cut-out is a JPEG without metadata, at most 256 pixels wide, never enlarged", async () => {
  const large = await sharp(
    await cutCrop(picture(2000, 1500), { x: 0.2, y: 0.2, width: 0.4, height: 0.5 }),
  ).metadata();
  expect(large).toMatchObject({ format: "jpeg", width: 256, height: 256 });
  for (const part of ["exif", "icc", "xmp", "iptc"] as const) expect(large[part]).toBeUndefined();
  const small = await cutCrop(picture(300, 300), { x: 0.5, y: 0.5, width: 0.1, height: 0.1 });
  expect(await sharp(small).metadata()).toMatchObject({ width: 48, height: 48 });
});

test("not even noise is larger than what is stored", async () => {
  const noise = picture(256, 256, randomBytes(256 * 256 * 3));
  const jpeg = await cutCrop(noise, { x: 0, y: 0, width: 1, height: 1 });
  expect(jpeg.byteLength).toBeLessThanOrEqual(maxCropBytes);
  expect(await sharp(jpeg).metadata()).toMatchObject({ width: 256, height: 256 });
});
