import { describe, expect, it } from "vitest";
import { findRegions, regionDefaults, type TextMap } from "./regions.ts";

function mapWith(width: number, height: number, isText: (x: number, y: number) => number): TextMap {
  const data = Float32Array.from({ length: width * height }, (_, at) =>
    isText(at % width, Math.floor(at / width)),
  );
  return { data, width, height };
}

describe("findRegions", () => {
  it("finds each component once, widened by area x ratio / perimeter", () => {
    const map = mapWith(100, 60, (x, y) => {
      if (y >= 10 && y < 20 && x >= 10 && x < 50) return 0.9;
      return y >= 40 && y < 48 && x >= 60 && x < 90 ? 0.8 : 0;
    });
    const [first, second, ...rest] = findRegions(map);
    expect(rest).toEqual([]);
    expect(first?.score).toBeCloseTo(0.9, 5);
    const distance = (40 * 10 * regionDefaults.unclipRatio) / 100;
    expect(first?.rect.width).toBeCloseTo(40 + 2 * distance, 5);
    expect(first?.rect.height).toBeCloseTo(10 + 2 * distance, 5);
    expect(first?.rect.centerX).toBeCloseTo(30, 5);
    expect(second?.rect.centerY).toBeCloseTo(44, 5);
  });

  it("follows tilted lines", () => {
    const map = mapWith(120, 80, (x, y) => (Math.abs(y - 30 - 0.17 * x) < 5 && x > 10 && x < 110 ? 1 : 0));
    const [region] = findRegions(map);
    expect(region?.rect.angle).toBeCloseTo(Math.atan(0.17), 1);
  });

  it("drops faint and tiny components and bounds their number", () => {
    const faint = mapWith(50, 50, (x, y) => (x > 10 && x < 40 && y > 10 && y < 20 ? 0.5 : 0));
    expect(findRegions(faint)).toEqual([]);
    const tiny = mapWith(50, 50, (x, y) => (x === 5 && y > 2 ? 1 : 0));
    expect(findRegions(tiny)).toEqual([]);
    const grid = mapWith(300, 300, (x, y) => (x % 10 < 6 && y % 10 < 6 ? 1 : 0));
    expect(findRegions(grid)).toHaveLength(regionDefaults.maxRegions);
  });

  it("survives not-a-number in the map", () => {
    expect(findRegions(mapWith(20, 20, () => Number.NaN))).toEqual([]);
  });
});
