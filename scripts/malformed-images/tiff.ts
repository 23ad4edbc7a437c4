/** A field of a TIFF directory: tag, type as in the specification, values. */
export type Field = readonly [tag: number, type: number, values: readonly number[] | string | Buffer];

/** What of a TIFF is unlike the plain one. */
export interface TiffOptions {
  littleEndian?: boolean;
  pages?: number;
  /** Fields added to the first directory; a tag that is there already is replaced. */
  extra?: readonly Field[];
  /** Tags left out. */
  without?: readonly number[];
  /** Pixels, or whatever stands for them. */
  pixels?: Buffer;
  /** Kept behind the pixels; the value of field 0x201 becomes its place. */
  preview?: Buffer;
  /** Where the chain goes on after the last page; 0 ends it. */
  next?: number;
  /** Number of fields that the first directory claims. */
  claimedFields?: number;
}

const size = { width: 64, height: 48 };
const typeSizes: Readonly<Record<number, number>> = {
  1: 1,
  2: 1,
  3: 2,
  4: 4,
  5: 8,
  6: 1,
  7: 1,
  8: 2,
  9: 4,
  10: 8,
  11: 4,
  12: 8,
  13: 4,
};
const headerBytes = 8;

/** An uncompressed RGB picture of 64 x 48 with what `options` make of it. */
export function plainTiff(options: TiffOptions = {}): Buffer {
  const { littleEndian = true, pages = 1, pixels = rgbPixels(), preview } = options;
  const writer = createWriter(littleEndian);
  const pixelsAt = headerBytes;
  const previewAt = pixelsAt + pixels.byteLength;
  let at = previewAt + (preview?.byteLength ?? 0);
  const parts: Buffer[] = [];
  for (let page = 0; page < pages; page++) {
    const fields = fieldsOf(options, page, pixelsAt, pixels.byteLength, previewAt);
    const isLast = page === pages - 1;
    const directory = writer.directory(fields, at, isLast ? (options.next ?? 0) : undefined);
    if (page === 0 && options.claimedFields !== undefined) writer.u16(directory, 0, options.claimedFields);
    parts.push(directory);
    at += directory.byteLength;
  }
  const header = Buffer.alloc(headerBytes);
  header.write(littleEndian ? "II*\0" : "MM\0*", 0, "latin1");
  writer.u32(header, 4, previewAt + (preview?.byteLength ?? 0));
  return Buffer.concat([header, pixels, ...(preview ? [preview] : []), ...parts]);
}

/** A small TIFF block as EXIF is: directories at given places, fields that may point anywhere. */
export function exifBlock(
  main: readonly Field[],
  exif: readonly Field[] = [],
  gps: readonly Field[] = [],
): Buffer {
  const writer = createWriter(true);
  const pointers = (exifAt: number, gpsAt: number): Field[] => [
    ...main,
    ...(exif.length > 0 ? [[0x8769, 4, [exifAt]] as const] : []),
    ...(gps.length > 0 ? [[0x8825, 4, [gpsAt]] as const] : []),
  ];
  const first = writer.directory(pointers(0, 0), headerBytes, 0).byteLength;
  const second = exif.length > 0 ? writer.directory(exif, 0, 0).byteLength : 0;
  const [exifAt, gpsAt] = [headerBytes + first, headerBytes + first + second];
  const header = Buffer.from("II*\0\x08\0\0\0", "latin1");
  return Buffer.concat([
    header,
    writer.directory(pointers(exifAt, gpsAt), headerBytes, 0),
    ...(exif.length > 0 ? [writer.directory(exif, exifAt, 0)] : []),
    ...(gps.length > 0 ? [writer.directory(gps, gpsAt, 0)] : []),
  ]);
}

function fieldsOf(
  options: TiffOptions,
  page: number,
  pixelsAt: number,
  length: number,
  previewAt: number,
): Field[] {
  const plain: Field[] = [
    [256, 3, [size.width]],
    [257, 3, [size.height]],
    [258, 3, [8, 8, 8]],
    [259, 3, [1]],
    [262, 3, [2]],
    [273, 4, [pixelsAt]],
    [277, 3, [3]],
    [278, 3, [size.height]],
    [279, 4, [length]],
    [284, 3, [1]],
  ];
  if (page > 0) return plain;
  const extra = (options.extra ?? []).map(
    (field): Field => (field[0] === 0x201 && options.preview ? [0x201, 4, [previewAt]] : field),
  );
  const replaced = new Set([...extra.map(([tag]) => tag), ...(options.without ?? [])]);
  return [...plain.filter(([tag]) => !replaced.has(tag)), ...extra].sort(([a], [b]) => a - b);
}

function createWriter(littleEndian: boolean) {
  const u16 = (target: Buffer, at: number, value: number) =>
    void (littleEndian ? target.writeUInt16LE(value, at) : target.writeUInt16BE(value, at));
  const u32 = (target: Buffer, at: number, value: number) =>
    void (littleEndian ? target.writeUInt32LE(value, at) : target.writeUInt32BE(value, at));

  function bytesOf([, type, values]: Field): { bytes: Buffer; count: number } {
    if (typeof values === "string") {
      const bytes = Buffer.from(values, "latin1");
      return { bytes, count: bytes.byteLength };
    }
    const width = typeSizes[type] ?? 1;
    if (Buffer.isBuffer(values)) return { bytes: values, count: Math.floor(values.byteLength / width) };
    // A rational is two numbers.
    const each = width === 8 ? 4 : width;
    const bytes = Buffer.alloc(values.length * each);
    values.forEach((value, index) => {
      if (each === 4) u32(bytes, index * 4, value);
      else if (each === 2) u16(bytes, index * 2, value);
      else bytes.writeUInt8(value, index);
    });
    return { bytes, count: Math.floor(bytes.byteLength / width) };
  }

  return {
    u16,
    u32,
    /** `next` undefined: the next directory follows at once. */
    directory(fields: readonly Field[], start: number, next: number | undefined): Buffer {
      const head = Buffer.alloc(2 + fields.length * 12 + 4);
      const values: Buffer[] = [];
      let valueAt = start + head.byteLength;
      u16(head, 0, fields.length);
      fields.forEach((field, index) => {
        const entry = 2 + index * 12;
        const { bytes, count } = bytesOf(field);
        u16(head, entry, field[0]);
        u16(head, entry + 2, field[1]);
        u32(head, entry + 4, count);
        if (bytes.byteLength <= 4) bytes.copy(head, entry + 8);
        else {
          u32(head, entry + 8, valueAt);
          values.push(bytes);
          valueAt += bytes.byteLength;
        }
      });
      u32(head, head.byteLength - 4, next ?? valueAt);
      return Buffer.concat([head, ...values]);
    },
  };
}

function rgbPixels(): Buffer {
  return Buffer.from(Array.from({ length: size.width * size.height * 3 }, (_, index) => (index * 7) & 255));
}

/** The plain picture as BigTIFF: offsets of 8 bytes. `offsetBytes` and `fieldCount` are what the file claims. */
export function bigTiff(claimed: { offsetBytes?: number; fieldCount?: bigint; next?: bigint } = {}): Buffer {
  const pixels = rgbPixels();
  const fields: Array<[tag: number, type: number, count: number, value: number]> = [
    [256, 3, 1, size.width],
    [257, 3, 1, size.height],
    [258, 3, 1, 8],
    [259, 3, 1, 1],
    [262, 3, 1, 1],
    [273, 4, 1, 16],
    [277, 3, 1, 1],
    [278, 3, 1, size.height],
    [279, 4, 1, size.width * size.height],
  ];
  const header = Buffer.alloc(16);
  header.write("II\x2b\0", 0, "latin1");
  header.writeUInt16LE(claimed.offsetBytes ?? 8, 4);
  header.writeBigUInt64LE(BigInt(16 + pixels.byteLength), 8);
  const directory = Buffer.alloc(8 + fields.length * 20 + 8);
  directory.writeBigUInt64LE(claimed.fieldCount ?? BigInt(fields.length), 0);
  fields.forEach(([tag, type, count, value], index) => {
    const entry = 8 + index * 20;
    directory.writeUInt16LE(tag, entry);
    directory.writeUInt16LE(type, entry + 2);
    directory.writeBigUInt64LE(BigInt(count), entry + 4);
    directory.writeBigUInt64LE(BigInt(value), entry + 12);
  });
  directory.writeBigUInt64LE(claimed.next ?? 0n, 8 + fields.length * 20);
  return Buffer.concat([header, pixels, directory]);
}
