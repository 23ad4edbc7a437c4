import { describe, expect, it } from "vitest";
import { coarseGrid, fineGrid, isCutByTile, tilesOf, wantsFineGrid } from "./tiling.ts";
import type { Detection, PixelBox } from "./types.ts";

const at = (box: PixelBox): Detection => ({ box, score: 1, landmarks: [] });

describe("tilesOf", () => {
  it("leaves small pictures whole", () => {
    expect(tilesOf(coarseGrid, 799, 600)).toEqual([]);
  });

  it("covers every pixel of a large picture with four overlapping tiles inside it", () => {
    const tiles = tilesOf(coarseGrid, 1001, 667);
    expect(tiles).toHaveLength(4);
    for (const { x, y, width, height } of tiles) {
      expect([x, y].every((value) => Number.isInteger(value) && value >= 0)).toBe(true);
      expect(x + width <= 1001 && y + height <= 667).toBe(true);
    }
    expect(tiles[3]).toEqual({ x: 400, y: 266, width: 601, height: 401 });
  });
});

describe("fine grid", () => {
  it("reaches both ends of the picture with nine tiles", () => {
    const tiles = tilesOf(fineGrid, 1440, 1081);
    expect(tiles).toHaveLength(9);
    expect(tiles[0]).toMatchObject({ x: 0, y: 0 });
    expect((tiles[8]?.x ?? 0) + (tiles[8]?.width ?? 0)).toBe(1440);
    expect((tiles[8]?.y ?? 0) + (tiles[8]?.height ?? 0)).toBe(1081);
    expect(tilesOf(fineGrid, 1199, 800)).toEqual([]);
  });

  it("is for pictures with small faces", () => {
    expect(wantsFineGrid([], 1440, 1080)).toBe(false);
    expect(wantsFineGrid([at({ x: 0, y: 0, width: 200, height: 200 })], 1440, 1080)).toBe(false);
    expect(wantsFineGrid([at({ x: 0, y: 0, width: 60, height: 60 })], 1440, 1080)).toBe(true);
  });
});

describe("isCutByTile", () => {
  const [first = { x: 0, y: 0, width: 0, height: 0 }] = tilesOf(coarseGrid, 1000, 1000);

  it("rejects a face at an inner border, keeps one at the picture's border", () => {
    expect(isCutByTile(at({ x: 560, y: 100, width: 40, height: 40 }), first, 1000, 1000)).toBe(true);
    expect(isCutByTile(at({ x: -5, y: 100, width: 40, height: 40 }), first, 1000, 1000)).toBe(false);
    expect(isCutByTile(at({ x: 300, y: 300, width: 40, height: 40 }), first, 1000, 1000)).toBe(false);
  });
});
