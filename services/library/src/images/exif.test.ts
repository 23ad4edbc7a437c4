import sharp, { type WriteableMetadata } from "sharp";
import { describe, expect, test } from "vitest";
import { readExif } from "./exif.ts";

const now = new Date("2026-01-01T00:00:00Z");
const size = { width: 8, height: 8, channels: 3, background: "#123456" } as const;

async function block(exif: NonNullable<WriteableMetadata["exif"]>): Promise<Buffer | undefined> {
  const bytes = await sharp({ create: size }).withExif(exif).jpeg().toBuffer();
  return (await sharp(bytes).metadata()).exif;
}

async function takenAt(tags: Record<string, string>): Promise<string | undefined> {
  return (await readExif(await block({ IFD2: tags }), now)).takenAt?.toISOString();
}

describe("readExif", () => {
  test("reads the capture time with and without a zone", async () => {
    const DateTimeOriginal = "2020:02:29 12:00:00";
    expect(await takenAt({ DateTimeOriginal })).toBe("2020-02-29T12:00:00.000Z");
    expect(await takenAt({ DateTimeOriginal, OffsetTimeOriginal: "-05:00" })).toBe(
      "2020-02-29T17:00:00.000Z",
    );
    expect(await takenAt({ DateTimeOriginal, OffsetTimeOriginal: "nonsense" })).toBe(
      "2020-02-29T12:00:00.000Z",
    );
  });

  test.each([
    "0000:00:00 00:00:00",
    "2020:13:45 99:99:99",
    "1500:01:01 00:00:00",
    "2031:01:01 00:00:00",
    "soon",
  ])("does not believe %s", async (DateTimeOriginal) =>
    expect(await takenAt({ DateTimeOriginal })).toBeUndefined(),
  );

  test("bounds and cleans what is kept", async () => {
    const { fields } = await readExif(
      await block({ IFD0: { Make: `A\u0001${"x".repeat(500)}`, Model: " " } }),
      now,
    );
    expect(fields).toEqual({ cameraMake: `A${"x".repeat(99)}` });
  });

  test("survives any noise", async () => {
    const good = (await block({ IFD0: { Make: "Camera" } })) ?? Buffer.alloc(0);
    for (let seed = 0; seed < 300; seed++) {
      const noise = Buffer.from(good);
      for (let turn = 0; turn < 6; turn++)
        noise[(seed * 31 + turn * 17) % noise.byteLength] = (seed * 7 + turn) & 255;
      const { fields, takenAt: time } = await readExif(noise, now);
      expect(JSON.stringify(fields).length).toBeLessThan(600);
      expect(time === null || time.getTime() < now.getTime() + 1e9).toBe(true);
    }
    expect(await readExif(Buffer.alloc(0), now)).toEqual({ takenAt: null, fields: null });
    expect(await readExif(undefined, now)).toEqual({ takenAt: null, fields: null });
  });
});
