import { describe, expect, it } from "vitest";
import { convexHull, corners, scaleRect, smallestRect } from "./geometry.ts";
import type { RotatedRect } from "./types.ts";

const tilted: RotatedRect = { centerX: 50, centerY: 40, width: 60, height: 10, angle: 0.15 };

describe("smallestRect", () => {
  it("finds the rectangle its own corners describe", () => {
    const found = smallestRect(corners(tilted));
    expect(found?.angle).toBeCloseTo(0.15, 5);
    expect(found?.width).toBeCloseTo(60, 5);
    expect(found?.height).toBeCloseTo(10, 5);
    expect(found?.centerX).toBeCloseTo(50, 5);
  });

  it("keeps ragged upright outlines upright", () => {
    const ragged = smallestRect([
      [0, 1],
      [30, 0],
      [30, 10],
      [0, 10],
    ]);
    expect(ragged?.angle).toBe(0);
  });

  it("answers null for no points and an empty rectangle for one", () => {
    expect(smallestRect([])).toBeNull();
    expect(smallestRect([[3, 4]])).toMatchObject({ centerX: 3, centerY: 4, width: 0, height: 0 });
  });
});

it("convexHull drops inner and collinear points", () => {
  const hull = convexHull([
    [0, 0],
    [2, 0],
    [4, 0],
    [4, 4],
    [0, 4],
    [2, 2],
  ]);
  expect(hull).toHaveLength(4);
});

it("scaleRect stretches along the picture's axes", () => {
  const upright = { ...tilted, angle: 0 };
  const scaled = scaleRect(upright, 2, 3);
  expect(scaled).toMatchObject({ centerX: 100, centerY: 120, width: 120, height: 30, angle: 0 });
});
