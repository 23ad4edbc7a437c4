import type { libraryV1 } from "@ocelli/contracts";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type LibraryUnderTest, startLibrary } from "./library-under-test.ts";
import { picture } from "./photos-for-tests.ts";

const owner = crypto.randomUUID();
let library: LibraryUnderTest;

beforeAll(async () => {
  library = await startLibrary();
});
afterAll(() => library?.stop());

async function stored(bytes: Buffer, who = owner): Promise<libraryV1.Photo> {
  const { photo } = await library.upload(who, bytes);
  if (!photo) throw new Error("no photo in the answer");
  return photo;
}

const exif = {
  IFD0: { Make: "Ocelli Works", Model: "One" },
  IFD2: { DateTimeOriginal: "2022:12:31 23:30:00", LensModel: "Wide 24mm" },
  IFD3: {
    GPSLatitudeRef: "S",
    GPSLatitude: "41/1 17/1 11/1",
    GPSLongitudeRef: "E",
    GPSLongitude: "174/1 46/1 34/1",
  },
};
const xmp = `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/" xmp:Rating="3">
<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Windy &amp; wild</rdf:li></rdf:Alt></dc:title>
<dc:subject><rdf:Bag><rdf:li>harbour</rdf:li></rdf:Bag></dc:subject></rdf:Description></rdf:RDF></x:xmpmeta>`;
const iptcText = Buffer.from("Seen from the hill");

/** Adds an IPTC block with a caption, as older programs write it. */
function withIptc(jpeg: Buffer): Buffer {
  const record = Buffer.concat([Buffer.from([0x1c, 2, 120, 0, iptcText.byteLength]), iptcText]);
  const resource = Buffer.concat([
    Buffer.from("Photoshop 3.0\x008BIM\x04\x04\0\0\0\0\0", "latin1"),
    Buffer.from([record.byteLength]),
    record,
  ]);
  const header = Buffer.alloc(4);
  header.writeUInt16BE(0xffed, 0);
  header.writeUInt16BE(resource.byteLength + 2, 2);
  return Buffer.concat([jpeg.subarray(0, 2), header, resource, jpeg.subarray(2)]);
}

test("what a photo says of itself is kept, for every owner of the bytes", async () => {
  const bytes = withIptc(await picture(1).withExif(exif).withXmp(xmp).jpeg().toBuffer());
  for (const who of [owner, crypto.randomUUID()]) {
    const photo = await stored(bytes, who);
    expect(photo).toMatchObject({
      camera: "Ocelli Works One",
      lens: "Wide 24mm",
      // New Zealand's summer time.
      takenAt: new Date("2022-12-31T10:30:00Z"),
      takenAtOffsetMinutes: 780,
      location: { city: "Wellington", region: "Wellington Region", country: "New Zealand" },
    });
    expect(photo.location?.latitude).toBeCloseTo(-41.2864, 3);
    expect(JSON.parse(photo.exifJson)).toMatchObject({
      cameraMake: "Ocelli Works",
      title: "Windy & wild",
      description: "Seen from the hill",
      keywords: ["harbour"],
      rating: 3,
    });
    const bearer = await library.userToken(who);
    const again = await library.client.getPhoto({ photoId: photo.id }, { bearer });
    // The store orders the fields as it likes.
    const parsed = ({ exifJson, ...rest }: libraryV1.Photo) => ({ ...rest, exif: JSON.parse(exifJson) });
    expect(again.photo && parsed(again.photo)).toEqual(parsed(photo));
  }
});

test.each(["png", "webp", "avif", "tiff"] as const)("metadata of %s is read as well", async (format) => {
  const bytes = await picture(2).withExif(exif).withXmp(xmp).toFormat(format).toBuffer();
  const photo = await stored(bytes);
  expect(JSON.parse(photo.exifJson)).toMatchObject({ title: "Windy & wild", keywords: ["harbour"] });
  // The image library writes no EXIF into TIFFs.
  if (format !== "tiff")
    expect(photo).toMatchObject({ camera: "Ocelli Works One", takenAtOffsetMinutes: 780 });
});

test("a photo without metadata has none", async () => {
  const photo = await stored(await picture(3).png().toBuffer());
  expect(photo).toMatchObject({ camera: "", lens: "", exifJson: "" });
  expect([photo.location, photo.takenAt, photo.takenAtOffsetMinutes]).toEqual([
    undefined,
    undefined,
    undefined,
  ]);
});

test("a position in the middle of nowhere has no name", async () => {
  const gps = {
    ...exif.IFD3,
    GPSLatitude: "0/1 0/1 1/1",
    GPSLongitude: "140/1 0/1 0/1",
    GPSLongitudeRef: "W",
  };
  const photo = await stored(await picture(4).withExif({ IFD3: gps }).jpeg().toBuffer());
  expect(photo.location).toMatchObject({ longitude: -140, city: "", region: "", country: "" });
});

test("metadata of any kind never refuses a photo", async () => {
  const good = withIptc(await picture(5).withExif(exif).withXmp(xmp).jpeg().toBuffer());
  const block = good.indexOf("Exif");
  // The length of a segment stands before its content.
  const exifRange = { start: block + 6, length: good.readUInt16BE(block - 2) - 8 };
  const iptcRange = { start: good.indexOf("8BIM"), length: iptcText.byteLength + 16 };
  for (let seed = 1; seed <= 40; seed++) {
    const noise = Buffer.from(good);
    for (const [turn, { start, length }] of Array.from({ length: 20 }, () => [exifRange, iptcRange])
      .flat()
      .entries()) {
      noise[start + ((seed * 131 + turn * 71) % length)] = (seed * 13 + turn) & 255;
    }
    expect((await sharp(noise).metadata()).format).toBe("jpeg");
    const photo = await stored(noise, crypto.randomUUID());
    expect(photo.exifJson.length).toBeLessThan(10_000);
  }
});
