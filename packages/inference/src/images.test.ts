import sharp from "sharp";
import { describe, expect, it } from "vitest";
import { decodeImage, resizePixels } from "./images.ts";

const flat = (width: number, height: number, background: object) =>
  sharp({ create: { width, height, channels: 3, background: { r: 0, g: 0, b: 0, ...background } } });
const decode = (bytes: Uint8Array, maxPixels = 1e6) => decodeImage("k", bytes, { maxPixels });

describe("decodeImage", () => {
  it("applies the EXIF orientation", async () => {
    const bytes = await flat(40, 20, { r: 255 }).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    expect(await decode(bytes)).toMatchObject({ width: 20, height: 40 });
  });

  it.each([
    ["grey", async () => flat(8, 8, { r: 90, g: 90, b: 90 }).toColourspace("b-w").png().toBuffer()],
    ["16 bit", async () => flat(8, 8, { r: 90, g: 90, b: 90 }).toColourspace("rgb16").png().toBuffer()],
    ["with alpha", async () => flat(8, 8, { r: 90, g: 90, b: 90 }).ensureAlpha(0.5).png().toBuffer()],
    ["CMYK", async () => flat(8, 8, { r: 90, g: 90, b: 90 }).toColourspace("cmyk").jpeg().toBuffer()],
  ])("gives 8-bit RGB for a picture that is %s", async (_, make) => {
    const { data, width, height } = await decode(await make());
    expect([width, height, data.length]).toEqual([8, 8, 8 * 8 * 3]);
    // The way to CMYK and back loses some; an inverted or misread channel would be off by 75 or more.
    for (const value of data.subarray(0, 3)) expect(Math.abs(value - 90)).toBeLessThan(20);
  });

  it("shrinks to the wanted long side, and never enlarges", async () => {
    const bytes = await flat(40, 20, { r: 255 }).png().toBuffer();
    const sizes = [10, 80].map(async (maxLongSide) =>
      decodeImage("k", bytes, { maxPixels: 1e6, maxLongSide }),
    );
    expect(await Promise.all(sizes)).toMatchObject([
      { width: 10, height: 5 },
      { width: 40, height: 20 },
    ]);
  });

  it("refuses what is no picture, formats we do not open, cut files and too many pixels", async () => {
    const svg = Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>');
    for (const bytes of [new Uint8Array(), Buffer.from("hello"), svg]) {
      await expect(decode(bytes)).rejects.toMatchObject({ reason: "UNSUPPORTED_MEDIA_TYPE" });
    }
    const pdf = Buffer.from("%PDF-1.7\n1 0 obj\n<<>>\nendobj\n");
    const heic = Buffer.from("\0\0\0\x18ftypheic\0\0\0\0mif1heic", "latin1");
    for (const bytes of [pdf, heic])
      await expect(decode(bytes)).rejects.toMatchObject({ reason: "UNSUPPORTED_MEDIA_TYPE" });
    const noise = await sharp({
      create: {
        width: 300,
        height: 300,
        channels: 3,
        background: "red",
        noise: { type: "gaussian", mean: 128, sigma: 60 },
      },
    })
      .jpeg()
      .toBuffer();
    await expect(decode(noise.subarray(0, 9000))).rejects.toMatchObject({ reason: "CORRUPT_IMAGE" });
    await expect(decode(noise, 100)).rejects.toMatchObject({ reason: "TOO_MANY_PIXELS" });
  });

  it("believes the size in a PNG's header before it looks at the rest", async () => {
    const png = await flat(8, 8, {}).png().toBuffer();
    png.writeUInt32BE(100_000, 16);
    png.writeUInt32BE(100_000, 20);
    await expect(decode(png)).rejects.toMatchObject({ reason: "TOO_MANY_PIXELS" });
    await expect(decode(png.subarray(0, 33))).rejects.toMatchObject({ reason: "TOO_MANY_PIXELS" });
  });
});

describe("resizePixels", () => {
  const image = { key: "k", width: 20, height: 10, data: new Uint8Array(600).fill(200) };

  it("letterboxes and says where the picture went", async () => {
    const result = await resizePixels(image, {
      width: 40,
      height: 40,
      fit: "contain",
      background: [1, 2, 3],
    });
    expect(result).toMatchObject({ width: 40, height: 40, scaleX: 2, scaleY: 2, offsetX: 0, offsetY: 10 });
    expect([...result.data.subarray(0, 3)]).toEqual([1, 2, 3]);
    expect(result.data[(20 * 40 + 20) * 3]).toBe(200);
    const corner = await resizePixels(image, { width: 40, height: 40, fit: "contain", position: "top-left" });
    expect(corner.offsetY).toBe(0);
    expect(corner.data).toHaveLength(40 * 40 * 3);
  });

  it("resizes a crop, and refuses one outside the picture", async () => {
    const crop = { left: 5, top: 0, width: 10, height: 10 };
    const result = await resizePixels(image, { width: 5, height: 20, fit: "fill", crop });
    expect(result).toMatchObject({ scaleX: 0.5, scaleY: 2, cropLeft: 5 });
    const outside = { ...crop, left: 15 };
    await expect(resizePixels(image, { width: 5, height: 5, fit: "fill", crop: outside })).rejects.toThrow(
      RangeError,
    );
  });
});
