import { type JpegParts, joinJpeg, jpegParts, markers, type Segment, withSegments } from "./jpeg.ts";
import { type Expectation, type MalformedImage, malformed, withBytes } from "./malformed-image.ts";
import type { SoundImages } from "./sound-images.ts";

const text = (content: string) => Buffer.from(content, "latin1");
const end = Buffer.from([0xff, 0xd9]);

/** Everything that is wrong with these is known to a reader of JPEG. */
export function* jpegCases(sound: SoundImages): Generator<MalformedImage> {
  const baseline = sound["jpeg-baseline"];
  yield* frames(jpegParts(baseline));
  yield* tables(jpegParts(baseline));
  yield* scans(jpegParts(baseline), jpegParts(sound["jpeg-progressive"]));
  yield* lengths(jpegParts(baseline));
  yield* profiles(baseline);
  yield* extras(baseline, sound["jpeg-cmyk"]);
}

function* frames(parts: JpegParts): Generator<MalformedImage> {
  const frame = (change: (data: Buffer) => Buffer) => joinJpeg(changed(parts, markers.sof0, change));
  const sized = (width: number, height: number) =>
    frame((data) => withBytes(data, 1, [height >> 8, height & 255, width >> 8, width & 255]));
  const cases: Array<[name: string, expectation: Expectation, bytes: Buffer]> = [
    ["width 0", "refused", sized(0, 48)],
    ["height 0", "refused", sized(64, 0)],
    ["65,535 x 65,535", "refused", sized(65_535, 65_535)],
    ["65,500 x 65,500", "refused", sized(65_500, 65_500)],
    ["more rows than there are", "either", sized(64, 4000)],
    ["more columns than there are", "either", sized(6000, 48)],
    ["fewer rows than there are", "either", sized(64, 8)],
    ["12 bits", "refused", frame((data) => withBytes(data, 0, [12]))],
    ["no components", "refused", frame((data) => withBytes(data, 5, [0]))],
    ["one component of three", "refused", frame((data) => withBytes(data, 5, [1]))],
    ["255 components", "refused", frame((data) => withBytes(data, 5, [255]))],
    ["sampling 0", "refused", frame((data) => withBytes(data, 7, [0]))],
    ["sampling 15", "refused", frame((data) => withBytes(data, 7, [0xff]))],
    ["sampling that fits nothing", "either", frame((data) => withBytes(data, 7, [0x13]))],
    ["a table that is not there", "refused", frame((data) => withBytes(data, 8, [3]))],
    ["components of one name", "either", frame((data) => withBytes(data, 9, [data[6] ?? 1]))],
    ["no frame", "refused", joinJpeg(without(parts, markers.sof0))],
  ];
  for (const [name, expectation, bytes] of cases) yield malformed(`jpeg/${name}`, expectation, bytes);
  const twice = parts.segments.flatMap((each) => (each.marker === markers.sof0 ? [each, each] : [each]));
  yield malformed("jpeg/two frames", "refused", joinJpeg({ ...parts, segments: twice }));
  for (const [name, marker] of Object.entries({
    lossless: 0xc3,
    hierarchical: 0xc5,
    arithmetic: 0xc9,
    reserved: 0xc8,
  })) {
    const segments = parts.segments.map((each) =>
      each.marker === markers.sof0 ? { ...each, marker } : each,
    );
    yield malformed(
      `jpeg/${name} by its word`,
      marker === 0xc9 ? "either" : "refused",
      joinJpeg({ ...parts, segments }),
    );
  }
}

function* tables(parts: JpegParts): Generator<MalformedImage> {
  yield malformed("jpeg/no quantisation", "refused", joinJpeg(without(parts, markers.dqt)));
  yield malformed("jpeg/no codes", "either", joinJpeg(without(parts, markers.dht)));
  const cases: Array<[name: string, marker: number, expectation: Expectation, (data: Buffer) => Buffer]> = [
    ["quantisation of zeros", markers.dqt, "either", (data) => withBytes(data, 1, Buffer.alloc(64))],
    ["quantisation for table 15", markers.dqt, "refused", (data) => withBytes(data, 0, [0x0f])],
    ["quantisation of 16 bits by its word", markers.dqt, "refused", (data) => withBytes(data, 0, [0x10])],
    ["quantisation cut short", markers.dqt, "refused", (data) => data.subarray(0, 20)],
    [
      "more codes than there are numbers",
      markers.dht,
      "refused",
      (data) => withBytes(data, 1, Buffer.alloc(16, 255)),
    ],
    ["no code at all", markers.dht, "refused", (data) => withBytes(data, 1, Buffer.alloc(16))],
    ["codes for table 15", markers.dht, "refused", (data) => withBytes(data, 0, [0x0f])],
    ["codes cut short", markers.dht, "refused", (data) => data.subarray(0, 10)],
  ];
  for (const [name, marker, expectation, change] of cases)
    yield malformed(`jpeg/${name}`, expectation, joinJpeg(changed(parts, marker, change)));
}

function* scans(parts: JpegParts, progressive: JpegParts): Generator<MalformedImage> {
  const scan = (change: (data: Buffer) => Buffer) => joinJpeg(changed(parts, markers.sos, change));
  const cases: Array<[name: string, expectation: Expectation, bytes: Buffer]> = [
    ["only its beginning and end", "refused", Buffer.concat([Buffer.from([0xff, 0xd8]), end])],
    ["no pixels", "either", joinJpeg({ ...parts, scan: end })],
    ["no scan", "refused", joinJpeg({ ...without(parts, markers.sos), scan: end })],
    ["no end", "refused", joinJpeg({ ...parts, scan: parts.scan.subarray(0, -2) })],
    ["a scan of no components", "refused", scan((data) => withBytes(data, 0, [0]))],
    ["a scan of 5 components", "refused", scan((data) => withBytes(data, 0, [5]))],
    ["a scan of a component that is not there", "refused", scan((data) => withBytes(data, 1, [77]))],
    ["a scan of codes that are not there", "refused", scan((data) => withBytes(data, 2, [0x33]))],
    ["a scan first", "refused", joinJpeg({ ...parts, segments: [...parts.segments].reverse() })],
    [
      "pixels of 0xff",
      "either",
      joinJpeg({ ...parts, scan: Buffer.concat([Buffer.alloc(2000, 0xff), end]) }),
    ],
    ["pixels of zeros", "either", joinJpeg({ ...parts, scan: Buffer.concat([Buffer.alloc(2000), end]) })],
    ["restarts that never come", "either", withDri(parts, 1)],
    ["restarts every 65,535 blocks", "accepted", withDri(parts, 65_535)],
    [
      "spectrum of a progressive scan out of range",
      "refused",
      joinJpeg(
        changed(progressive, markers.sos, (data) => withBytes(data, data.byteLength - 3, [60, 10, 0xff])),
      ),
    ],
    ["the first scan 2,000 times", "either", repeatedScan(progressive, 2000)],
  ];
  for (const [name, expectation, bytes] of cases) yield malformed(`jpeg/${name}`, expectation, bytes);
}

function* lengths(parts: JpegParts): Generator<MalformedImage> {
  for (const [name, marker] of Object.entries(markers)) {
    if (!parts.segments.some((each) => each.marker === marker)) continue;
    for (const length of [0, 1, 2, 65_535]) {
      const segments = parts.segments.map((each) => (each.marker === marker ? { ...each, length } : each));
      yield malformed(
        `jpeg/${name} of length ${length}`,
        length === 2 ? "either" : "refused",
        joinJpeg({ ...parts, segments }),
      );
    }
  }
}

function* profiles(baseline: Buffer): Generator<MalformedImage> {
  const part = (number: number, count: number, data: Buffer): Segment => ({
    marker: markers.app2,
    data: Buffer.concat([text("ICC_PROFILE\0"), Buffer.from([number, count]), data]),
  });
  const noise = Buffer.alloc(600, 0x5a);
  const cases: Record<string, Segment[]> = {
    "a profile of noise": [part(1, 1, noise)],
    "a profile of which parts are missing": [part(2, 3, noise)],
    "a profile with parts twice": [part(1, 2, noise), part(1, 2, noise)],
    "a profile with part 0": [part(0, 0, noise)],
    "a profile of 255 large parts": Array.from({ length: 100 }, (_, index) =>
      part(index + 1, 255, Buffer.alloc(65_000, 9)),
    ),
    "an empty profile": [part(1, 1, Buffer.alloc(0))],
    "a profile that says it has 4 GiB": [
      part(
        1,
        1,
        Buffer.concat([
          Buffer.alloc(4, 255),
          Buffer.alloc(32),
          text("acsp"),
          Buffer.alloc(88),
          Buffer.alloc(4, 255),
        ]),
      ),
    ],
  };
  for (const [name, segments] of Object.entries(cases))
    yield malformed(`jpeg/${name}`, "accepted", withSegments(baseline, ...segments));
}

function* extras(baseline: Buffer, cmyk: Buffer): Generator<MalformedImage> {
  const mpf = (offset: number, count: number) => {
    const index = Buffer.alloc(82);
    index.write("MPF\0II*\0\x08\0\0\0\x03\0", 0, "latin1");
    index.set([0x01, 0xb0, 4, 0, 1, 0, 0, 0], 14);
    index.writeUInt32LE(count, 22);
    index.set([0x02, 0xb0, 7, 0, 32, 0, 0, 0, 50, 0, 0, 0], 26);
    index.writeUInt32LE(0xffffffff, 54);
    index.writeUInt32LE(offset, 58);
    return withSegments(baseline, { marker: markers.app2, data: index });
  };
  const comment = { marker: markers.com, data: Buffer.alloc(65_000, 65) };
  const cases: Array<[name: string, expectation: Expectation, bytes: Buffer]> = [
    ["further pictures beyond the end", "accepted", mpf(0xfffffff0, 2)],
    ["further pictures that are itself", "accepted", mpf(0, 2)],
    ["4,294,967,295 further pictures", "accepted", mpf(0, 0xffffffff)],
    [
      "a thumbnail larger than its part",
      "accepted",
      withSegments(baseline, {
        marker: markers.app0,
        data: Buffer.from("JFIF\0\x01\x01\0\0\x01\0\x01\xff\xff", "latin1"),
      }),
    ],
    [
      "an unknown colour transform",
      "either",
      withSegments(baseline, {
        marker: markers.app14,
        data: Buffer.from("Adobe\0\x64\0\0\0\0\x63", "latin1"),
      }),
    ],
    ["4 colours without a word on which", "either", joinJpeg(without(jpegParts(cmyk), markers.app14))],
    [
      "100 comments of 65 KB",
      "accepted",
      withSegments(baseline, ...Array.from({ length: 100 }, () => comment)),
    ],
    [
      "100,000 bytes of padding",
      "accepted",
      Buffer.concat([baseline.subarray(0, 2), Buffer.alloc(100_000, 255), baseline.subarray(3)]),
    ],
    [
      "a page in its comment",
      "accepted",
      withSegments(baseline, { marker: markers.com, data: text("<script>alert(1)</script>*/=1;") }),
    ],
    [
      "Photoshop's part with wrong lengths",
      "accepted",
      withSegments(baseline, {
        marker: markers.app13,
        data: text("Photoshop 3.0\x008BIM\x04\x04\0\0\xff\xff\xff\xff\x1c\x02\x78\xff\xffx"),
      }),
    ],
  ];
  for (const [name, expectation, bytes] of cases) yield malformed(`jpeg/${name}`, expectation, bytes);
}

function changed({ segments, scan }: JpegParts, marker: number, change: (data: Buffer) => Buffer): JpegParts {
  return {
    segments: segments.map((each) => (each.marker === marker ? { marker, data: change(each.data) } : each)),
    scan,
  };
}

function without({ segments, scan }: JpegParts, marker: number): JpegParts {
  return { segments: segments.filter((each) => each.marker !== marker), scan };
}

function withDri({ segments, scan }: JpegParts, interval: number): Buffer {
  const data = Buffer.from([interval >> 8, interval & 255]);
  return joinJpeg({ segments: [{ marker: markers.dri, data }, ...segments], scan });
}

/** Each repetition costs a pass over the whole picture. */
function repeatedScan({ segments, scan }: JpegParts, times: number): Buffer {
  const header = segments.at(-1);
  const stop = scan.findIndex((byte, index) => byte === 0xff && (scan[index + 1] ?? 0) > 0xbf);
  const first = scan.subarray(0, stop);
  const again = header ? joinJpeg({ segments: [header], scan: first }).subarray(2) : first;
  return joinJpeg({
    segments,
    scan: Buffer.concat([first, ...Array.from({ length: times }, () => again), scan.subarray(stop)]),
  });
}
