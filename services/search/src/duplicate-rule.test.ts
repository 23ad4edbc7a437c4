import { expect, test } from "vitest";
import { isNearDuplicate } from "./duplicate-rule.ts";
import { bandsNear, bandsOf } from "./hash-bands.ts";
import { hashDistance, markPicture } from "./picture-hash.ts";

/** A made-up picture of two slopes, which can be turned exactly. */
function slopes(turned: boolean) {
  const [width, height] = [96, 96];
  const data = new Uint8Array(width * height * 3);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const [a, b] = turned ? [y, width - 1 - x] : [x, y];
      const value = (a * 2 + ((b * b) / 60) * (a > 40 ? 1 : 0)) % 256;
      data.fill(value, (y * width + x) * 3, (y * width + x) * 3 + 3);
    }
  }
  return { key: `slopes ${turned}`, width, height, data };
}

test("near in both is a duplicate; the farther the hash, the nearer must the embedding be", () => {
  const likeness = { distance: 4, turnedDistance: 30, cosine: 0.5 };
  expect(isNearDuplicate(likeness)).toBe(true);
  expect(isNearDuplicate({ ...likeness, cosine: 0.49 })).toBe(false);
  expect(isNearDuplicate({ ...likeness, distance: 10, cosine: 0.9 })).toBe(true);
  expect(isNearDuplicate({ ...likeness, distance: 6, cosine: 0.89 })).toBe(false);
  expect(isNearDuplicate({ ...likeness, distance: 12, cosine: 1 })).toBe(false);
  expect(isNearDuplicate({ ...likeness, cosine: undefined })).toBe(false);
  expect(isNearDuplicate({ distance: 32, turnedDistance: 4, cosine: 0.1 })).toBe(true);
});

test("whatever ten bits of a hash change, some band finds it; with four, the narrow look does", () => {
  const hash = 0x1234_5678_9abc_def0n;
  for (let round = 0; round < 500; round++) {
    for (const [bits, radius] of [
      [10, 2],
      [4, 1],
    ] as const) {
      const places = new Set<number>();
      // A fixed walk over the bits, the same in every run.
      for (let step = 0; places.size < bits; step++) places.add((round * 7 + step * (1 + (round % 60))) % 61);
      let changed = hash;
      for (const place of places) changed ^= 1n << BigInt(place);
      changed = BigInt.asIntN(64, changed);
      expect(hashDistance(hash, changed)).toBe(bits);
      const near = new Set(bandsNear(changed, radius));
      expect(bandsOf(hash).some((value) => near.has(value))).toBe(true);
    }
  }
});

test("a turned picture has one of the turned hashes; one of a single tone has none", async () => {
  const [straight, turned] = [await markPicture(slopes(false)), await markPicture(slopes(true))];
  const distances = straight.turned.map((each) => hashDistance(each, turned.hash ?? 0n));
  expect(Math.min(...distances)).toBeLessThanOrEqual(2);
  expect(hashDistance(straight.hash ?? 0n, turned.hash ?? 0n)).toBeGreaterThan(10);
  const plain = { key: "plain", width: 64, height: 64, data: new Uint8Array(64 * 64 * 3).fill(120) };
  expect(await markPicture(plain)).toEqual({ hash: null, turned: [], sharpness: 0 });
});
