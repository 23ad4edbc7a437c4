import { describe, expect, it } from "vitest";
import { chipTemplate, chipTransform, cutChip } from "./align.ts";
import { applySimilarity, fitSimilarity, invertSimilarity } from "./similarity.ts";
import type { Point } from "./types.ts";

const angle = 0.4;
const truth = { a: 2.5 * Math.cos(angle), b: 2.5 * Math.sin(angle), tx: -30, ty: 12 };
const points: Point[] = [
  [10, 20],
  [55, 18],
  [33, 47],
  [31, 66],
];

describe("fitSimilarity", () => {
  it("recovers rotation, scale and shift exactly", () => {
    const fitted = fitSimilarity(
      points,
      points.map((point) => applySimilarity(truth, point)),
    );
    for (const key of ["a", "b", "tx", "ty"] as const) expect(fitted[key]).toBeCloseTo(truth[key], 9);
  });

  it("is the least-squares answer: no small change of it fits noisy points better", () => {
    const noisy = points.map((point, index): Point => {
      const [x, y] = applySimilarity(truth, point);
      return [x + ([1, -2, 0.5, 1.5][index] ?? 0), y + ([0.3, 1, -1, -0.7][index] ?? 0)];
    });
    const error = (map: typeof truth): number =>
      points.reduce((sum, point, index) => {
        const [x, y] = applySimilarity(map, point);
        return sum + (x - (noisy[index]?.[0] ?? 0)) ** 2 + (y - (noisy[index]?.[1] ?? 0)) ** 2;
      }, 0);
    const best = fitSimilarity(points, noisy);
    for (const key of ["a", "b", "tx", "ty"] as const) {
      for (const step of [-0.01, 0.01])
        expect(error({ ...best, [key]: best[key] + step })).toBeGreaterThan(error(best));
    }
  });

  it("inverts, and refuses degenerate points", () => {
    const [x, y] = applySimilarity(invertSimilarity(truth), applySimilarity(truth, [7, -3]));
    expect(x).toBeCloseTo(7, 9);
    expect(y).toBeCloseTo(-3, 9);
    expect(() =>
      fitSimilarity(
        [
          [1, 1],
          [1, 1],
        ],
        [
          [0, 0],
          [1, 1],
        ],
      ),
    ).toThrow(RangeError);
  });
});

describe("face chip", () => {
  it("puts dlib's mean face at its padded place: eyes level, 53 pixels apart", () => {
    const [rightEye = [0, 0], leftEye = [0, 0]] = chipTemplate;
    expect(rightEye[1]).toBeCloseTo(leftEye[1], 9);
    expect(leftEye[0] - rightEye[0]).toBeCloseTo(52.93, 1);
    expect(rightEye[0]).toBeCloseTo(47.55, 1);
  });

  it("cuts a picture that already is a chip without changing it", () => {
    const data = Uint8Array.from({ length: 150 * 150 * 3 }, (_, index) => (index * 31) % 251);
    const identity = chipTransform(chipTemplate);
    expect(identity.a).toBeCloseTo(1, 9);
    const chip = cutChip({ key: "chip", width: 150, height: 150, data }, chipTemplate);
    const worst = chip.reduce(
      (most, value, index) => Math.max(most, Math.abs(value - (data[index] ?? 0))),
      0,
    );
    expect(worst).toBeLessThanOrEqual(1);
  });
});
