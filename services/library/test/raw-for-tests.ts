/** A field of a directory: value bytes, or the number of another directory, or of a blob of data. */
export type RawField = [
  tag: number,
  type: 2 | 3 | 4 | 7,
  value: number[] | string | { directory: number } | { data: number },
];

/**
 * Puts a TIFF together, in the order of bytes that is asked for: directories, of which only the first is in the chain,
 * and blobs of data that fields point at.
 */
export function tiffOf(
  directories: RawField[][],
  data: Buffer[],
  options: { littleEndian?: boolean; signature?: string } = {},
): Buffer {
  const { littleEndian = true, signature = "" } = options;
  const headerBytes = 16;
  const starts: number[] = [];
  let at = headerBytes;
  for (const fields of directories) {
    starts.push(at);
    at += 2 + fields.length * 12 + 4;
  }
  const values: Buffer[] = [];
  const blobStarts: number[] = [];
  let end = at;
  for (const bytes of data) {
    blobStarts.push(end);
    values.push(bytes);
    end += bytes.byteLength;
  }
  const head = Buffer.alloc(at);
  const u16 = (value: number, offset: number) =>
    littleEndian ? head.writeUInt16LE(value, offset) : head.writeUInt16BE(value, offset);
  const u32 = (value: number, offset: number) =>
    littleEndian ? head.writeUInt32LE(value, offset) : head.writeUInt32BE(value, offset);
  head.write(littleEndian ? "II*\0" : "MM\0*", 0, "latin1");
  u32(starts[0] ?? 0, 4);
  head.write(signature, 8, "latin1");
  directories.forEach((fields, index) => {
    const start = starts[index] ?? 0;
    u16(fields.length, start);
    fields.forEach(([tag, type, value], position) => {
      const entry = start + 2 + position * 12;
      u16(tag, entry);
      u16(type, entry + 2);
      const numbers = Array.isArray(value) ? value : undefined;
      const text = typeof value === "string" ? Buffer.from(`${value}\0`, "latin1") : undefined;
      u32(text?.byteLength ?? numbers?.length ?? 1, entry + 4);
      if (text && text.byteLength > 4) {
        u32(end, entry + 8);
        values.push(text);
        end += text.byteLength;
      } else if (text) text.copy(head, entry + 8);
      else if (numbers) {
        numbers.slice(0, type === 4 ? 1 : 2).forEach((each, which) => {
          if (type === 4) u32(each, entry + 8);
          else if (type === 3) u16(each, entry + 8 + which * 2);
          else
            numbers.forEach((byte, offset) => {
              head[entry + 8 + offset] = byte;
            });
        });
      } else if (typeof value === "object" && "directory" in value)
        u32(starts[value.directory] ?? 0, entry + 8);
      else if (typeof value === "object" && "data" in value) u32(blobStarts[value.data] ?? 0, entry + 8);
    });
  });
  return Buffer.concat([head, ...values]);
}

/** A raw file like those of Adobe's converter: a thumbnail, sensor data, and a large preview in sub-directories. */
export function dngWith(preview: Buffer, thumbnail: Buffer, littleEndian = true): Buffer {
  const sensor = Buffer.concat([
    Buffer.from([0xff, 0xd8, 0xff, 0xc3, 0, 11, 14, 15, 160, 23, 112, 1, 1, 0x11, 0]),
    Buffer.alloc(50_000, 7),
  ]);
  return tiffOf(
    [
      [
        [0x103, 3, [7]],
        [0x10f, 2, "Ocelli Works"],
        [0x110, 2, "Raw One"],
        [0x111, 4, { data: 1 }],
        [0x112, 3, [6]],
        [0x117, 4, [thumbnail.byteLength]],
        [0x14a, 4, { directory: 1 }],
        [0x8769, 4, { directory: 3 }],
        [0xc612, 7, [1, 4, 0, 0]],
      ],
      [
        [0x103, 3, [7]],
        [0x106, 3, [32803]],
        [0x111, 4, { data: 2 }],
        [0x117, 4, [sensor.byteLength]],
        [0x14a, 4, { directory: 2 }],
      ],
      [
        [0x103, 3, [7]],
        [0x111, 4, { data: 0 }],
        [0x117, 4, [preview.byteLength]],
      ],
      [
        [0x9003, 2, "2023:05:06 07:08:09"],
        [0x9011, 2, "+09:00"],
        [0xa434, 2, "Prime 35mm"],
      ],
    ],
    [preview, thumbnail, sensor],
    { littleEndian },
  );
}
