/** What the frame header of a JPEG says. */
export interface JpegFrame {
  width: number;
  height: number;
}

/** How far into a JPEG its frame header is looked for. */
export const jpegHeadBytes = 256 * 1024;

/**
 * Finds the frame of a baseline or progressive JPEG. The lossless JPEGs in which cameras keep sensor data are none.
 */
export function findJpegFrame(head: Buffer): JpegFrame | undefined {
  if (head.byteLength < 4 || head.readUInt16BE(0) !== 0xffd8) return undefined;
  for (let at = 2; at + 9 <= head.byteLength; ) {
    if (head[at] !== 0xff) return undefined;
    const marker = head[at + 1] ?? 0;
    if (marker === 0xff) {
      at += 1;
      continue;
    }
    // Frames of other kinds than 0 to 2 are lossless, hierarchical or arithmetic; a scan before any frame is damage.
    const isOtherFrame = marker >= 0xc3 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isOtherFrame || marker === 0xda || marker === 0xd9) return undefined;
    if (marker >= 0xc0 && marker <= 0xc2) {
      return { height: head.readUInt16BE(at + 5), width: head.readUInt16BE(at + 7) };
    }
    at += 2 + head.readUInt16BE(at + 2);
  }
  return undefined;
}
