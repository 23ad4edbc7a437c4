import { describe, expect, it } from "vitest";
import { cocoLabels } from "./coco-labels.ts";
import { decodeNanodet, expectedDistance, type NanodetHead } from "./nanodet.ts";

function emptyHeads(): NanodetHead[] {
  return [52, 26, 13].map((side) => ({
    scores: new Float32Array(side * side * 80),
    distances: new Float32Array(side * side * 44),
  }));
}

describe("expectedDistance", () => {
  it("is the mean bin of the softmax", () => {
    expect(expectedDistance(new Float32Array(11), 0)).toBeCloseTo(5, 6);
    const peaked = new Float32Array(22).fill(-50);
    peaked[11 + 3] = 50;
    expect(expectedDistance(peaked, 11)).toBeCloseTo(3, 6);
    const between = new Float32Array(11).fill(-100);
    between.set([100, 100], 4);
    expect(expectedDistance(between, 0)).toBeCloseTo(4.5, 6);
  });
});

describe("decodeNanodet", () => {
  it("measures the four sides from the cell's centre in strides", () => {
    const heads = emptyHeads();
    const [, , coarse] = heads;
    const cell = 6 * 13 + 4;
    coarse?.scores.fill(0.7, cell * 80 + 16, cell * 80 + 17);
    coarse?.distances.fill(-100);
    for (const [edge, strides] of [1, 2, 3, 4].entries())
      coarse?.distances.fill(100, (cell * 4 + edge) * 11 + strides, (cell * 4 + edge) * 11 + strides + 1);
    const [dog, ...others] = decodeNanodet(heads, 0.4);
    expect(others).toEqual([]);
    expect(dog?.label).toBe("dog");
    expect(dog?.score).toBeCloseTo(0.7, 6);
    expect(dog?.box.x).toBeCloseTo(3.5 / 13, 6);
    expect(dog?.box.y).toBeCloseTo(4.5 / 13, 6);
    expect(dog?.box.width).toBeCloseTo(4 / 13, 6);
    expect(dog?.box.height).toBeCloseTo(6 / 13, 6);
  });

  it("clips to the picture, honours the cut and refuses other shapes", () => {
    const heads = emptyHeads();
    heads[0]?.scores.fill(0.39, 0, 1);
    expect(decodeNanodet(heads, 0.4)).toEqual([]);
    const [corner] = decodeNanodet(heads, 0.3);
    expect(corner?.box.x).toBe(0);
    expect(corner?.box.y).toBe(0);
    expect(() => decodeNanodet(heads.slice(0, 2), 0.4)).toThrow(RangeError);
  });

  it("knows 80 labels", () => {
    expect(new Set(cocoLabels).size).toBe(80);
    expect([cocoLabels[0], cocoLabels[15], cocoLabels[41], cocoLabels[79]]).toEqual([
      "person",
      "cat",
      "cup",
      "toothbrush",
    ]);
  });
});
