/**
 * What must become of a file: `refused` with a reason, `accepted` as a picture of bounded size, or `either` where chance
 * decides whether anything that matters was hit.
 */
export type Expectation = "refused" | "accepted" | "either";

/** A file that no sound encoder would write. */
export interface MalformedImage {
  /** `format/what is wrong`; unique. */
  name: string;
  expectation: Expectation;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Names a file and copies its bytes into memory of their own, as `Blob` wants them. */
export function malformed(name: string, expectation: Expectation, bytes: Uint8Array): MalformedImage {
  return { name, expectation, bytes: new Uint8Array(bytes) };
}

/** The numbers that readers of lengths and sizes get wrong. */
export const boundaryNumbers = [0, 1, 0x7fffffff, 0x80000000, 0xffffffff] as const;

/** A file with one 32-bit number replaced. */
export function withU32(
  bytes: Uint8Array,
  at: number,
  value: number,
  order: "little" | "big" = "big",
): Buffer {
  const changed = Buffer.from(bytes);
  if (order === "big") changed.writeUInt32BE(value, at);
  else changed.writeUInt32LE(value, at);
  return changed;
}

/** A file with some bytes replaced. */
export function withBytes(bytes: Uint8Array, at: number, replacement: Uint8Array | number[]): Buffer {
  const changed = Buffer.from(bytes);
  changed.set(replacement, at);
  return changed;
}
