import { expect, test } from "vitest";
import { codeOf, photoIdAt, rankCodes, strideOf } from "./codes.ts";

const ids = ["00000000-0000-4000-8000-00000000000a", "00000000-0000-4000-8000-00000000000b"];

function packed(vectors: Float32Array[]) {
  const dimension = vectors[0]?.length ?? 0;
  const parts = vectors.map((vector, index) => {
    const bits = codeOf(vector).padEnd(Math.ceil(dimension / 8) * 8, "0");
    const code = Buffer.from((bits.match(/.{8}/g) ?? []).map((byte) => Number.parseInt(byte, 2)));
    return Buffer.concat([Buffer.from((ids[index] ?? "").replaceAll("-", ""), "hex"), code]);
  });
  return { bytes: Buffer.concat(parts), count: vectors.length, dimension };
}

test("a code has a bit per value, set where it is above zero", () => {
  expect(codeOf(Float32Array.of(0.5, -0.5, 0, 1e-9))).toBe("1001");
});

test.each([
  [
    [1, 0.1],
    [0, 1],
  ],
  [
    [-1, 0.1],
    [1, 0],
  ],
  [
    [0.1, 1],
    [0, 1],
  ],
])("the values of the query %j weigh the signs", (query, order) => {
  // Positive in the first value only, and in the second only.
  const codes = packed([Float32Array.of(1, -1), Float32Array.of(-1, 1)]);
  const expected = query[1] === 1 ? [1, 0] : order;
  expect([...rankCodes(codes, Float32Array.from(query))]).toEqual(expected);
});

test("ids come out as they went in, for any dimension", () => {
  const codes = packed([new Float32Array(12).fill(1), new Float32Array(12).fill(-1)]);
  expect(strideOf(12)).toBe(18);
  expect([0, 1].map((position) => photoIdAt(codes, position))).toEqual(ids);
});

test("a query of nothing and no photos at all rank without a fault", () => {
  expect([...rankCodes(packed([Float32Array.of(1, 1)]), new Float32Array(2))]).toEqual([0]);
  expect([...rankCodes({ bytes: new Uint8Array(), count: 0, dimension: 2 }, new Float32Array(2))]).toEqual(
    [],
  );
});
