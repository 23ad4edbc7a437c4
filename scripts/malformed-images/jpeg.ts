/** A segment of a JPEG before its pixels; `length` is what the file claims where that is not the truth. */
export interface Segment {
  marker: number;
  data: Buffer;
  length?: number;
}

/** A JPEG taken apart: segments up to the first scan's, then everything behind its header. */
export interface JpegParts {
  segments: Segment[];
  scan: Buffer;
}

/** Markers by name. */
export const markers = {
  sof0: 0xc0,
  dht: 0xc4,
  dqt: 0xdb,
  dri: 0xdd,
  sos: 0xda,
  app0: 0xe0,
  app1: 0xe1,
  app2: 0xe2,
  app13: 0xed,
  app14: 0xee,
  com: 0xfe,
} as const;

/** Takes a sound JPEG apart. */
export function jpegParts(bytes: Buffer): JpegParts {
  const segments: Segment[] = [];
  for (let at = 2; ; ) {
    const marker = bytes.readUInt8(at + 1);
    const end = at + 2 + bytes.readUInt16BE(at + 2);
    segments.push({ marker, data: bytes.subarray(at + 4, end) });
    at = end;
    if (marker === markers.sos) return { segments, scan: bytes.subarray(at) };
  }
}

/** Puts a JPEG together. */
export function joinJpeg({ segments, scan }: JpegParts): Buffer {
  const parts = segments.map(({ marker, data, length = data.byteLength + 2 }) => {
    const head = Buffer.from([0xff, marker, 0, 0]);
    head.writeUInt16BE(length & 0xffff, 2);
    return Buffer.concat([head, data]);
  });
  return Buffer.concat([Buffer.from([0xff, 0xd8]), ...parts, scan]);
}

/** The same JPEG with segments after its beginning. */
export function withSegments(bytes: Buffer, ...added: Segment[]): Buffer {
  const { segments, scan } = jpegParts(bytes);
  return joinJpeg({ segments: [...added, ...segments], scan });
}

/** The same JPEG with an EXIF block. */
export function withExifBlock(bytes: Buffer, block: Buffer): Buffer {
  return withSegments(bytes, {
    marker: markers.app1,
    data: Buffer.concat([Buffer.from("Exif\0\0", "latin1"), block]),
  });
}
