import { readFile } from "node:fs/promises";
import sharp, { type WriteableMetadata } from "sharp";
import { describe, expect, test } from "vitest";
import type { MetadataBlocks } from "./blocks.ts";
import { readMetadata } from "./metadata.ts";

const now = new Date("2026-01-01T00:00:00Z");
const size = { width: 8, height: 8, channels: 3, background: "#123456" } as const;
const nothing = {
  takenAt: null,
  takenAtOffsetMinutes: null,
  camera: "",
  lens: "",
  position: null,
  exif: null,
};

async function blocks(exif: NonNullable<WriteableMetadata["exif"]>): Promise<MetadataBlocks> {
  const bytes = await sharp({ create: size }).withExif(exif).jpeg().toBuffer();
  const block = (await sharp(bytes).metadata()).exif;
  return block ? { exif: block } : {};
}

async function taken(tags: Record<string, string>, gps: Record<string, string> = {}) {
  const found = await readMetadata(await blocks({ IFD2: tags, IFD3: gps }), now);
  return [found.takenAt?.toISOString(), found.takenAtOffsetMinutes];
}

const newYork = {
  GPSLatitudeRef: "N",
  GPSLatitude: "40/1 42/1 46/1",
  GPSLongitudeRef: "W",
  GPSLongitude: "74/1 0/1 21/1",
};

describe("the capture time", () => {
  const DateTimeOriginal = "2020:02:29 12:00:00";

  test("comes with the zone that is said, that of the place, or none", async () => {
    expect(await taken({ DateTimeOriginal })).toEqual(["2020-02-29T12:00:00.000Z", null]);
    const said = { DateTimeOriginal, OffsetTimeOriginal: "-05:30" };
    expect(await taken(said)).toEqual(["2020-02-29T17:30:00.000Z", -330]);
    expect(await taken(said, newYork)).toEqual(["2020-02-29T17:30:00.000Z", -330]);
    expect(await taken({ DateTimeOriginal, OffsetTimeOriginal: "nonsense" })).toEqual([
      "2020-02-29T12:00:00.000Z",
      null,
    ]);
    expect(await taken({ DateTimeOriginal }, newYork)).toEqual(["2020-02-29T17:00:00.000Z", -300]);
    const summer = { DateTimeOriginal: "2020:07:01 12:00:00" };
    expect(await taken(summer, newYork)).toEqual(["2020-07-01T16:00:00.000Z", -240]);
  });

  test("takes the local time right after clocks change", async () => {
    expect(await taken({ DateTimeOriginal: "2020:03:08 03:30:00" }, newYork)).toEqual([
      "2020-03-08T07:30:00.000Z",
      -240,
    ]);
  });

  test.each([
    "0000:00:00 00:00:00",
    "2020:13:45 99:99:99",
    "2021:02:29 12:00:00",
    "1500:01:01 00:00:00",
    "2100:01:01 00:00:00",
    "2031:01:01 00:00:00",
    "soon",
  ])("is not %s", async (wrong) => {
    expect(await taken({ DateTimeOriginal: wrong })).toEqual([undefined, null]);
    const CreateDate = "2019:01:01 00:00:00";
    expect((await taken({ DateTimeOriginal: wrong, DateTimeDigitized: CreateDate }))[0]).toBe(
      "2019-01-01T00:00:00.000Z",
    );
  });
});

describe("EXIF", () => {
  test("is bounded and cleaned", async () => {
    const { exif } = await readMetadata(
      await blocks({ IFD0: { Make: `A\u0001${"x".repeat(500)}`, Model: " " } }),
      now,
    );
    expect(exif).toEqual({ cameraMake: `A${"x".repeat(99)}` });
  });

  test("without a value, or with one that cannot be, is as if it were absent", async () => {
    const found = await readMetadata(
      await blocks({
        IFD2: { FNumber: "0/0", ExposureTime: "1/0", FocalLength: "-5/1", LensModel: "\u0000\u0007" },
        IFD3: { ...newYork, GPSLatitude: "99/1 0/1 0/1" },
      }),
      now,
    );
    expect(found).toEqual(nothing);
    const unset = { ...newYork, GPSLatitude: "0/1 0/1 0/1", GPSLongitude: "0/1 0/1 0/1" };
    expect((await readMetadata(await blocks({ IFD3: unset }), now)).position).toBeNull();
  });

  test("tells camera, lens, exposure and height", async () => {
    const found = await readMetadata(
      await blocks({
        IFD0: { Make: "NIKON CORPORATION", Model: "NIKON D850", Software: "Ver.1.10", Artist: "Ada" },
        IFD2: {
          LensModel: "AF-S 50mm",
          Flash: "25",
          ExposureBiasValue: "-1/3",
          FocalLengthIn35mmFilm: "75",
          ISOSpeedRatings: "200",
        },
        IFD3: { ...newYork, GPSAltitudeRef: "0", GPSAltitude: "12/1" },
      }),
      now,
    );
    expect(found).toMatchObject({ camera: "NIKON D850", lens: "AF-S 50mm" });
    expect(found.exif).toMatchObject({
      cameraMake: "NIKON CORPORATION",
      flash: true,
      exposureBias: expect.closeTo(-0.333, 2),
      focalLength35mm: 75,
      iso: 200,
      altitude: 12,
      creator: "Ada",
      software: "Ver.1.10",
    });
  });

  test("is not looked for in a whole picture that stands in its place", async () => {
    const heic = await readFile(new URL("../../../test/fixtures/picture.heic", import.meta.url));
    expect(await readMetadata({ exif: heic }, now)).toEqual(nothing);
    expect(await readMetadata({ exif: Buffer.concat([Buffer.from("Exif\0\0"), heic]) }, now)).toEqual(
      nothing,
    );
  });

  test("survives any noise", async () => {
    const good = (await blocks({ IFD0: { Make: "Camera" }, IFD3: newYork })).exif ?? Buffer.alloc(0);
    for (let seed = 0; seed < 300; seed++) {
      const noise = Buffer.from(good);
      for (let turn = 0; turn < 6; turn++)
        noise[(seed * 31 + turn * 17) % noise.byteLength] = (seed * 7 + turn) & 255;
      const { exif, takenAt } = await readMetadata({ exif: noise, xmp: noise, iptc: noise }, now);
      expect(JSON.stringify(exif).length).toBeLessThan(4000);
      expect(takenAt === null || takenAt.getTime() < now.getTime() + 1e9).toBe(true);
    }
    expect(await readMetadata({ exif: Buffer.alloc(0) }, now)).toEqual(nothing);
    expect(await readMetadata({}, now)).toEqual(nothing);
  });
});
