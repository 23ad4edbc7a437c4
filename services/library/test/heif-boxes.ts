/** Adds a property of the primary picture to a HEIF container, as a phone does that was turned. */
export function withProperty(bytes: Buffer, type: string, payload: Buffer): Buffer {
  const box = Buffer.concat([sizeAndType(8 + payload.byteLength, type), payload]);
  const ipco = startOf(bytes, "ipco");
  const count = countBoxes(bytes, ipco + 8, ipco + bytes.readUInt32BE(ipco));
  const ipcoEnd = ipco + bytes.readUInt32BE(ipco);
  const primary = bytes.readUInt16BE(startOf(bytes, "pitm") + 12);
  const { countAt, end } = associationsOf(bytes, primary);
  const essential = 0x80;
  const grown = Buffer.concat([
    bytes.subarray(0, ipcoEnd),
    box,
    bytes.subarray(ipcoEnd, end),
    Buffer.from([essential | (count + 1)]),
    bytes.subarray(end),
  ]);
  grown.writeUInt8(bytes.readUInt8(countAt) + 1, countAt + box.byteLength);
  const added = box.byteLength + 1;
  enlarge(grown, startOf(bytes, "meta"), added);
  enlarge(grown, startOf(bytes, "iprp"), added);
  enlarge(grown, ipco, box.byteLength);
  enlarge(grown, startOf(bytes, "ipma") + box.byteLength, 1);
  shiftLocations(grown, startOf(bytes, "iloc"), added);
  return grown;
}

function startOf(bytes: Buffer, type: string): number {
  return bytes.indexOf(type, 0, "latin1") - 4;
}

function sizeAndType(size: number, type: string): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt32BE(size, 0);
  header.write(type, 4, "latin1");
  return header;
}

function enlarge(bytes: Buffer, box: number, by: number): void {
  bytes.writeUInt32BE(bytes.readUInt32BE(box) + by, box);
}

function countBoxes(bytes: Buffer, from: number, to: number): number {
  let count = 0;
  for (let at = from; at < to; at += bytes.readUInt32BE(at)) count += 1;
  return count;
}

/** Version 0 of the box, with indexes of one byte. */
function associationsOf(bytes: Buffer, item: number): { countAt: number; end: number } {
  const start = startOf(bytes, "ipma");
  let at = start + 16;
  for (let entry = 0; entry < bytes.readUInt32BE(start + 12); entry++) {
    const end = at + 3 + bytes.readUInt8(at + 2);
    if (bytes.readUInt16BE(at) === item) return { countAt: at + 2, end };
    at = end;
  }
  throw new Error("the primary picture has no properties");
}

/** Version 1 of the box with offsets and lengths of four bytes, as `heif-enc` writes it. */
function shiftLocations(bytes: Buffer, box: number, by: number): void {
  const items = bytes.readUInt16BE(box + 14);
  let at = box + 16;
  for (let item = 0; item < items; item++) {
    const isInFile = bytes.readUInt16BE(at + 2) === 0;
    const baseSize = 4;
    const extents = bytes.readUInt16BE(at + 6 + baseSize);
    at += 8 + baseSize;
    for (let extent = 0; extent < extents; extent++, at += 8) {
      if (isInFile) bytes.writeUInt32BE(bytes.readUInt32BE(at) + by, at);
    }
  }
}
