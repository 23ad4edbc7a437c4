import fc from "fast-check";
import { expect, test } from "vitest";
import { dotHalves, halvesFrom, halvesOf } from "./half-floats.ts";

test.each([
  [0, "0000"],
  [1, "003c"],
  [-2, "00c0"],
  [65_504, "ff7b"],
  [2 ** -24, "0100"],
  [2 ** -14, "0004"],
  // Half way between two: the even one.
  [1 + 2 ** -11, "003c"],
  [1 + 3 * 2 ** -11, "023c"],
  // Rounded up into the next power of two.
  [1.9999, "0040"],
])("%d is %s as a 16-bit float", (value, hex) => {
  expect(halvesOf(Float32Array.of(value)).toString("hex")).toBe(hex);
});

test("every value of a unit vector comes back to within half a step", () => {
  const value = fc.float({ min: -1, max: 1, noNaN: true });
  fc.assert(
    fc.property(value, (exact) => {
      const [stored = Number.NaN] = halvesFrom(halvesOf(Float32Array.of(exact)));
      expect(Math.abs(stored - exact)).toBeLessThanOrEqual(Math.max(2 ** -25, Math.abs(exact) * 2 ** -11));
    }),
  );
});

test("the dot product is that of the stored values", () => {
  const [a, b] = [Float32Array.of(0.6, -0.8), Float32Array.of(0.28, 0.96)];
  expect(dotHalves(a, halvesOf(b))).toBeCloseTo(0.6 * 0.28 - 0.8 * 0.96, 3);
});
