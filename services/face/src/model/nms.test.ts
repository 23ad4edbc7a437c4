import { describe, expect, it } from "vitest";
import { iou, mergePasses, overlapOfSmaller, weightedNms } from "./nms.ts";
import type { Detection } from "./types.ts";

function face(x: number, y: number, side: number, score: number): Detection {
  return { box: { x, y, width: side, height: side }, score, landmarks: [[x, y]] };
}

describe("iou", () => {
  it("is 1 for equal, 1/3 for half-shifted and 0 for touching or empty boxes", () => {
    const box = { x: 0, y: 0, width: 10, height: 10 };
    expect(iou(box, box)).toBe(1);
    expect(iou(box, { ...box, x: 5 })).toBeCloseTo(1 / 3);
    expect(iou(box, { ...box, x: 10 })).toBe(0);
    expect(iou({ ...box, width: 0 }, { ...box, width: 0 })).toBe(0);
  });
});

describe("weightedNms", () => {
  it("averages overlapping candidates by score and keeps the best score", () => {
    const [merged, ...others] = weightedNms([face(0, 0, 10, 0.9), face(3, 0, 10, 0.45)], 0.3);
    expect(others).toEqual([]);
    expect(merged?.score).toBe(0.9);
    expect(merged?.box.x).toBeCloseTo(1);
    expect(merged?.landmarks[0]?.[0]).toBeCloseTo(1);
  });

  it("leaves separate faces apart and ends on empty input", () => {
    expect(weightedNms([face(0, 0, 10, 0.6), face(50, 0, 10, 0.9)], 0.3).map(({ score }) => score)).toEqual([
      0.9, 0.6,
    ]);
    expect(weightedNms([], 0.3)).toEqual([]);
  });
});

describe("mergePasses", () => {
  it("drops a half face inside the whole one, which IoU alone would keep", () => {
    const whole = face(0, 0, 40, 0.9);
    const half = face(0, 0, 15, 0.8);
    expect(iou(whole.box, half.box)).toBeLessThan(0.3);
    expect(overlapOfSmaller(whole.box, half.box)).toBe(1);
    expect(mergePasses([half, whole], 0.3, 0.6)).toEqual([whole]);
  });
});
