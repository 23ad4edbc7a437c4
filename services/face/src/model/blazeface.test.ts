import { describe, expect, it } from "vitest";
import { type BlazefaceHead, blazefaceAnchors, decodeBlazeface } from "./blazeface.ts";

function emptyHeads(): [BlazefaceHead, BlazefaceHead] {
  const head = (anchors: number): BlazefaceHead => ({
    scores: new Float32Array(anchors).fill(-100),
    regressors: new Float32Array(anchors * 16),
  });
  return [head(512), head(384)];
}

describe("blazefaceAnchors", () => {
  it("lays 2 anchors on each of 16x16 cells and 6 on each of 8x8", () => {
    const [fine, coarse] = blazefaceAnchors();
    expect([fine?.length, coarse?.length]).toEqual([1024, 768]);
    expect(Array.from(fine?.slice(0, 6) ?? [])).toEqual([1 / 32, 1 / 32, 1 / 32, 1 / 32, 3 / 32, 1 / 32]);
    expect(Array.from(coarse?.slice(-2) ?? [])).toEqual([15 / 16, 15 / 16]);
  });
});

describe("decodeBlazeface", () => {
  it("places box and points relative to the anchor's centre", () => {
    const heads = emptyHeads();
    // Second row, third column, first anchor: centre (40, 24).
    const anchor = (1 * 16 + 2) * 2;
    heads[0].scores[anchor] = 2;
    heads[0].regressors.set([4, -8, 32, 64, -10, -5, 10, -5, 0, 0, 0, 12, -16, 0, 16, 0], anchor * 16);
    const [face, ...others] = decodeBlazeface(heads, 0.5);
    expect(others).toEqual([]);
    expect(face?.score).toBeCloseTo(1 / (1 + Math.exp(-2)), 6);
    expect(face?.box).toEqual({ x: 28, y: -16, width: 32, height: 64 });
    expect(face?.landmarks).toEqual([
      [30, 19],
      [50, 19],
      [40, 24],
      [40, 36],
      [24, 24],
      [56, 24],
    ]);
  });

  it("keeps scores at the cut and drops those below", () => {
    const heads = emptyHeads();
    heads[1].scores[0] = 0;
    heads[1].scores[1] = -0.01;
    expect(decodeBlazeface(heads, 0.5)).toHaveLength(1);
  });

  it("refuses outputs of another model", () => {
    const [fine] = emptyHeads();
    expect(() => decodeBlazeface([fine], 0.5)).toThrow(RangeError);
  });
});
