/** Values of all 65,536 16-bit floats (IEEE 754 binary16). */
const values = Float32Array.from({ length: 65_536 }, (_, bits) => numberOf(bits));

function numberOf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

/** Bits of the 16-bit float nearest to a number from -65,504 to 65,504; ties go to the even one. */
function bitsOf(value: number): number {
  const size = Math.abs(value);
  const sign = value < 0 ? 0x8000 : 0;
  if (size < 2 ** -14) return sign | roundToEven(size * 2 ** 24);
  const exponent = Math.floor(Math.log2(size));
  // A fraction that rounds up to 1024 carries into the exponent, which is just what is meant.
  return sign + ((exponent + 15) << 10) + roundToEven((size / 2 ** exponent - 1) * 1024);
}

function roundToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

/** Values as 16-bit floats, little-endian, two bytes each. */
export function halvesOf(embedding: Float32Array): Buffer {
  const bytes = Buffer.alloc(embedding.length * 2);
  for (const [index, value] of embedding.entries()) bytes.writeUInt16LE(bitsOf(value), index * 2);
  return bytes;
}

/** The values of {@link halvesOf}. */
export function halvesFrom(bytes: Buffer): Float32Array {
  const embedding = new Float32Array(bytes.length >> 1);
  for (let index = 0; index < embedding.length; index++) {
    embedding[index] = values[bytes.readUInt16LE(index * 2)] ?? Number.NaN;
  }
  return embedding;
}

/** Dot product of a vector with one of {@link halvesOf}, without making an array of it. */
export function dotHalves(embedding: Float32Array, bytes: Buffer): number {
  let sum = 0;
  for (let index = 0; index < embedding.length; index++) {
    const low = bytes[index * 2] ?? 0;
    const high = bytes[index * 2 + 1] ?? 0;
    sum += (embedding[index] ?? 0) * (values[(high << 8) | low] ?? 0);
  }
  return sum;
}
