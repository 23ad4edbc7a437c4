import { describe, expect, it } from "vitest";
import { faceQuality, laplacianVariance, noseOffset } from "./quality.ts";
import type { Detection } from "./types.ts";

const frontal: Detection = {
  box: { x: 0, y: 0, width: 120, height: 120 },
  score: 0.95,
  landmarks: [
    [40, 40],
    [80, 40],
    [60, 60],
    [60, 80],
    [20, 45],
    [100, 45],
  ],
};
const checkers = Uint8Array.from({ length: 150 * 150 * 3 }, (_, at) =>
  (Math.floor(at / 3) % 150) % 8 < 4 ? 60 : 190,
);
const flat = new Uint8Array(150 * 150 * 3).fill(128);

describe("faceQuality", () => {
  it("trusts a large, sharp, frontal face as much as the detector does", () => {
    expect(faceQuality(frontal, checkers)).toBeCloseTo(0.95, 6);
  });

  it("falls for small, blurred and turned faces, but never to zero", () => {
    const small = { ...frontal, box: { ...frontal.box, width: 24, height: 24 } };
    const turned = {
      ...frontal,
      landmarks: frontal.landmarks.map(([x, y], index) => [index === 2 ? 78 : x, y] as const),
    };
    for (const quality of [
      faceQuality(small, checkers),
      faceQuality(frontal, flat),
      faceQuality(turned, checkers),
    ]) {
      expect(quality).toBeLessThan(0.4);
      expect(quality).toBeGreaterThan(0);
    }
  });
});

describe("measures", () => {
  it("reads the nose's offset along the eyes whatever the roll of the head", () => {
    expect(noseOffset(frontal.landmarks)).toBe(0);
    expect(
      noseOffset([
        [0, 0],
        [0, 40],
        [-20, 30],
        [0, 0],
      ]),
    ).toBeCloseTo(0.25);
    expect(
      noseOffset([
        [5, 5],
        [5, 5],
        [5, 5],
      ]),
    ).toBeGreaterThan(0.5);
  });

  it("gives a flat picture no sharpness", () => {
    expect(laplacianVariance(flat, 150)).toBe(0);
  });
});
