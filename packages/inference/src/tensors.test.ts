import { describe, expect, it } from "vitest";
import { splitOutput, stackTensors, writePixels } from "./tensors.ts";
import type { PixelInput } from "./types.ts";

// Two pixels side by side: (10, 20, 30) and (40, 50, 60).
const pixels = (over: Partial<PixelInput>): PixelInput => ({
  type: "pixels",
  dims: [1, 3, 1, 2],
  data: Uint8Array.of(10, 20, 30, 40, 50, 60),
  layout: "nchw",
  order: "rgb",
  mean: [0, 0, 0],
  std: [1, 1, 1],
  ...over,
});

function written(input: PixelInput): number[] {
  const target = new Float32Array(6);
  writePixels(input, target);
  return [...target];
}

describe("writePixels", () => {
  it("lays out planes or pixels, in either channel order", () => {
    expect(written(pixels({}))).toEqual([10, 40, 20, 50, 30, 60]);
    expect(written(pixels({ layout: "nhwc" }))).toEqual([10, 20, 30, 40, 50, 60]);
    expect(written(pixels({ order: "bgr" }))).toEqual([30, 60, 20, 50, 10, 40]);
    expect(written(pixels({ order: "bgr", layout: "nhwc" }))).toEqual([30, 20, 10, 60, 50, 40]);
  });

  it("takes mean and deviation in the order of the result", () => {
    expect(written(pixels({ order: "bgr", mean: [30, 20, 10], std: [1, 2, 3] }))).toEqual([
      0, 30, 0, 15, 0, 10,
    ]);
  });
});

describe("batches", () => {
  it("stacks floats and integers and splits the answer again", () => {
    const row = (value: number) =>
      ({ type: "float32", dims: [1, 2], data: Float32Array.of(value, value + 1) }) as const;
    const stacked = stackTensors([1, 5].map((value) => ({ ...row(value), dims: [1, 2] })));
    expect(stacked.dims).toEqual([2, 2]);
    expect([...stacked.data]).toEqual([1, 2, 5, 6]);
    const parts = splitOutput({ dims: [2, 2], data: Float32Array.of(1, 2, 5, 6) }, 2);
    expect(parts.map((part) => [...part.data])).toEqual([
      [1, 2],
      [5, 6],
    ]);
    expect(parts[0]?.dims).toEqual([1, 2]);
    const ids = stackTensors([{ type: "int64", dims: [1, 1], data: BigInt64Array.of(7n) }]);
    expect([...ids.data]).toEqual([7n]);
  });

  it("refuses an output that has no part for each item", () => {
    expect(() => splitOutput({ dims: [3, 1], data: new Float32Array(3) }, 2)).toThrow();
  });
});
