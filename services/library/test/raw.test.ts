import { AppError } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { meanColor, picture } from "./photos-for-tests.ts";
import { dngWith, tiffOf } from "./raw-for-tests.ts";

const owner = crypto.randomUUID();
let library: LibraryUnderTest;
let thumbnail: Buffer;

beforeAll(async () => {
  library = await startLibrary();
  thumbnail = await picture(90, { width: 160, height: 120 }).jpeg().toBuffer();
});
afterAll(() => library?.stop());

function large(seed: number): Promise<Buffer> {
  return picture(seed, { width: 1200, height: 800 }).jpeg().toBuffer();
}

async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}

describe("a camera's raw file", () => {
  test.each([true, false])("is shown by the large JPEG inside (little-endian: %s)", async (littleEndian) => {
    const bytes = dngWith(await large(littleEndian ? 1 : 2), thumbnail, littleEndian);
    const { photo } = await library.upload(owner, bytes, { filename: "A.DNG" });
    // Turned by the orientation of the raw file, for the preview carries none.
    expect(photo).toMatchObject({ mediaType: "image/x-adobe-dng", width: 800, height: 1200 });
    expect(photo).toMatchObject({
      camera: "Ocelli Works Raw One",
      lens: "Prime 35mm",
      takenAtOffsetMinutes: 540,
    });
    expect(photo?.takenAt).toEqual(new Date("2023-05-05T22:08:09Z"));
    const id = photo?.id ?? "";
    const preview = await library.download(owner, id, libraryV1.Rendition.RENDITION_PREVIEW);
    expect(await sharp(preview).metadata()).toMatchObject({ format: "jpeg", width: 800, height: 1200 });
    // Red was left; turned by a quarter clockwise it is on top.
    expect((await meanColor(preview, { left: 50, top: 50, width: 700, height: 500 }))[0]).toBeGreaterThan(
      200,
    );
    const original = await library.download(owner, id, libraryV1.Rendition.RENDITION_ORIGINAL);
    expect(original.equals(bytes)).toBe(true);
  });

  test("of Canon and Fujifilm, too", async () => {
    const preview = await large(3);
    const cr2 = tiffOf(
      [
        [
          [0x103, 3, [6]],
          [0x10f, 2, "Canon"],
          [0x110, 2, "Canon EOS Test"],
          [0x111, 4, { data: 0 }],
          [0x117, 4, [preview.byteLength]],
        ],
      ],
      [preview],
      { signature: "CR\u0002\u0000" },
    );
    const { photo } = await library.upload(owner, cr2);
    expect(photo).toMatchObject({ mediaType: "image/x-canon-cr2", width: 1200, camera: "Canon EOS Test" });
    const header = Buffer.alloc(160);
    header.write("FUJIFILMCCD-RAW 0201", 0, "latin1");
    header.writeUInt32BE(160, 84);
    header.writeUInt32BE(preview.byteLength, 88);
    const raf = await library.upload(owner, Buffer.concat([header, preview]));
    expect(raf.photo).toMatchObject({ mediaType: "image/x-fujifilm-raf", width: 1200, height: 800 });
  });

  test("without a large preview is refused as what it is", async () => {
    const call = library.upload(owner, dngWith(thumbnail, thumbnail));
    await expect(call).rejects.toThrow("without a large preview");
    expect(await reasonOf(library.upload(owner, dngWith(thumbnail, thumbnail)))).toBe(
      "UNSUPPORTED_MEDIA_TYPE",
    );
  });

  test("that is damaged or made up never ends the service", async () => {
    const good = dngWith(await large(4), thumbnail);
    for (let seed = 1; seed <= 25; seed++) {
      const noise = Buffer.from(good);
      for (let turn = 0; turn < 6; turn++)
        noise[16 + ((seed * 37 + turn * 53) % 280)] = (seed * 11 + turn) & 255;
      await reasonOf(library.upload(owner, noise));
    }
    expect(await reasonOf(library.upload(owner, good.subarray(0, 1000)))).not.toBe("accepted");
    // A directory that is its own successor and its own child.
    const loop = tiffOf(
      [
        [
          [0x14a, 4, { directory: 0 }],
          [0xc612, 7, [1, 4, 0, 0]],
        ],
      ],
      [],
    );
    loop.writeUInt32LE(16, 16 + 2 + 24);
    expect(await reasonOf(library.upload(owner, loop))).toBe("UNSUPPORTED_MEDIA_TYPE");
    expect(await reasonOf(library.upload(owner, good))).toBe("accepted");
  });
});

test("an ordinary TIFF stays one, and its EXIF is read", async () => {
  const bytes = await picture(60)
    .withExif({ IFD0: { Make: "Scanner" } })
    .tiff()
    .toBuffer();
  const { photo } = await library.upload(owner, bytes);
  expect(photo).toMatchObject({ mediaType: "image/tiff", width: 64 });
});
