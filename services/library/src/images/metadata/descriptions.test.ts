import { describe, expect, test } from "vitest";
import { cameraName } from "./camera.ts";
import { readIptc } from "./iptc.ts";
import { readXmp } from "./xmp.ts";

function xmp(properties: string, attributes = ""): Buffer {
  return Buffer.from(`<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" ${attributes}>${properties}</rdf:Description>
</rdf:RDF></x:xmpmeta>`);
}

function iptc(records: Array<[record: number, set: number, value: Buffer | string]>): Buffer {
  const parts = records.map(([record, set, value]) => {
    const bytes = Buffer.from(value);
    return Buffer.concat([
      Buffer.from([0x1c, record, set, bytes.byteLength >> 8, bytes.byteLength & 255]),
      bytes,
    ]);
  });
  const all = Buffer.concat(parts);
  const size = Buffer.alloc(4);
  size.writeUInt32BE(all.byteLength);
  const resource = Buffer.from("Photoshop 3.0\x008BIM\x04\x04\0\0", "latin1");
  return Buffer.concat([resource, size, all]);
}

describe("XMP", () => {
  test("is read from elements, lists and attributes, entities resolved", () => {
    const found = readXmp(
      xmp(
        `<dc:title><rdf:Alt><rdf:li xml:lang="x-default">Salt &amp; pepper &#x263a; &#9786;</rdf:li></rdf:Alt></dc:title>
         <dc:description><rdf:Alt><rdf:li xml:lang="x-default">On the
         table</rdf:li></rdf:Alt></dc:description>
         <dc:subject><rdf:Bag><rdf:li>cat</rdf:li><rdf:li>dog</rdf:li><rdf:li>cat</rdf:li><rdf:li> </rdf:li></rdf:Bag></dc:subject>
         <photoshop:DateCreated>2020-05-05T10:00:00+01:00</photoshop:DateCreated>`,
        'xmp:Rating="4"',
      ),
    );
    expect(found).toEqual({
      title: "Salt & pepper \u263a \u263a",
      description: "On the          table",
      keywords: ["cat", "dog"],
      rating: 4,
      created: "2020-05-05T10:00:00+01:00",
    });
    expect(readXmp(xmp("<xmp:Rating>5</xmp:Rating>"))).toEqual({ rating: 5 });
    for (const rating of ["0", "-1", "6", "NaN", "", "1e9"]) {
      expect(readXmp(xmp("", `xmp:Rating="${rating}"`))).toEqual({});
    }
  });

  test("is bounded", () => {
    const words = Array.from(
      { length: 500 },
      (_, index) => `<rdf:li>word ${index}${"x".repeat(200)}</rdf:li>`,
    );
    const found = readXmp(
      xmp(
        `<dc:title>${"t".repeat(9000)}</dc:title><dc:subject><rdf:Bag>${words.join("")}</rdf:Bag></dc:subject>`,
      ),
    );
    expect(found.title).toHaveLength(200);
    expect(found.keywords).toHaveLength(64);
    expect(found.keywords?.every((word) => word.length <= 64)).toBe(true);
  });

  test.each([
    ["unclosed elements", "<dc:title>".repeat(25_000)],
    ["lists without an end", `<dc:subject>${"<rdf:li>".repeat(30_000)}`],
    ["look-alikes", "<dc:titles".repeat(25_000)],
    ["entities", `<dc:title>${"&#x".repeat(80_000)}</dc:title>`],
    ["brackets", "<".repeat(250_000)],
  ])("takes no time over %s", (_name, hostile) => {
    const start = performance.now();
    readXmp(xmp(hostile));
    expect(performance.now() - start).toBeLessThan(250);
  });
});

describe("IPTC", () => {
  test("is read in UTF-8 and in the character set of old", () => {
    const utf8: [number, number, Buffer] = [1, 90, Buffer.from([0x1b, 0x25, 0x47])];
    expect(
      readIptc(iptc([utf8, [2, 5, "Über"], [2, 25, "eins"], [2, 25, "zwei"], [2, 120, "Text"]])),
    ).toEqual({
      title: "Über",
      keywords: ["eins", "zwei"],
      description: "Text",
    });
    expect(readIptc(iptc([[2, 105, Buffer.from("Über", "latin1")]]))).toEqual({ title: "Über" });
  });

  test("survives being cut anywhere", () => {
    const whole = iptc([
      [2, 5, "A title"],
      [2, 116, "nobody"],
    ]);
    for (let end = 0; end <= whole.byteLength; end++) readIptc(whole.subarray(0, end));
    expect(readIptc(Buffer.alloc(100, 0x1c))).toEqual({});
    expect(readIptc(undefined)).toEqual({});
  });
});

test.each([
  ["Canon", "Canon EOS R5", "Canon EOS R5"],
  ["NIKON CORPORATION", "NIKON D850", "NIKON D850"],
  ["OLYMPUS IMAGING CORP.", "E-M10", "OLYMPUS E-M10"],
  ["Apple", "iPhone 15 Pro", "Apple iPhone 15 Pro"],
  ["SONY", "ILCE-7M4", "SONY ILCE-7M4"],
  [undefined, "Thing", "Thing"],
  ["Maker", undefined, "Maker"],
  [undefined, undefined, ""],
])("%s and %s are called %s", (make, model, name) => expect(cameraName(make, model)).toBe(name));
