import { boundaryNumbers, type MalformedImage, malformed, withU32 } from "./malformed-image.ts";
import { createRandom, seedOf } from "./random.ts";

// Markers and headers of every format lie in the first of these, whatever its size.
const headBytes = 512;
const cuts = [1, 3, 11, 12, 25, 64, 0.25, 0.5, 0.9] as const;
const flipCounts = [1, 1, 4, 16, 64] as const;

/** Damage that needs no knowledge of a format, at places that the seed chooses. */
export function* seededDamage(kind: string, sound: Buffer, seed: number): Generator<MalformedImage> {
  for (const cut of cuts) {
    const length = cut < 1 ? Math.floor(sound.byteLength * cut) : cut;
    const name = `${kind}/cut after ${cut < 1 ? `${cut * 100} %` : `${cut} bytes`}`;
    yield malformed(name, cut < 1 ? "either" : "refused", sound.subarray(0, length));
  }
  yield malformed(`${kind}/cut before its last byte`, "either", sound.subarray(0, -1));
  for (const [index, count] of flipCounts.entries()) {
    const name = `${kind}/${count} bits flipped (${index})`;
    yield malformed(name, "either", withFlips(sound, count, seedOf(name, seed)));
  }
  for (const value of boundaryNumbers) {
    const name = `${kind}/a number of the head is ${value}`;
    const at = 4 + createRandom(seedOf(name, seed)).below(Math.min(headBytes, sound.byteLength) - 8);
    yield malformed(name, "either", withU32(sound, at, value));
  }
  yield* misplacedBytes(kind, sound, seed);
}

function* misplacedBytes(kind: string, sound: Buffer, seed: number): Generator<MalformedImage> {
  const random = createRandom(seedOf(kind, seed));
  const middle = Math.floor(sound.byteLength / 2);
  const holed = Buffer.from(sound).fill(0, middle, middle + 48);
  yield malformed(`${kind}/a hole of zeros`, "either", holed);
  const noise = random.bytes(64);
  const noisy = Buffer.concat([sound.subarray(0, middle), noise, sound.subarray(middle)]);
  yield malformed(`${kind}/noise put in between`, "either", noisy);
  yield malformed(`${kind}/noise behind`, "either", Buffer.concat([sound, random.bytes(5000)]));
  yield malformed(`${kind}/twice in one file`, "either", Buffer.concat([sound, sound]));
  const from = random.below(middle);
  const shortened = Buffer.concat([sound.subarray(0, from + 16), sound.subarray(from + 48)]);
  yield malformed(`${kind}/bytes missing`, "either", shortened);
  yield malformed(`${kind}/a byte before it`, "refused", Buffer.concat([Buffer.from([0]), sound]));
}

function withFlips(sound: Buffer, count: number, seed: number): Buffer {
  const random = createRandom(seed);
  const flipped = Buffer.from(sound);
  for (let flip = 0; flip < count; flip++) {
    const at = random.below(flipped.byteLength);
    flipped[at] = (flipped[at] ?? 0) ^ (1 << random.below(8));
  }
  return flipped;
}
