import { expect, test } from "vitest";
import { createVectorTable, distanceOf } from "./vectors.ts";

const dimension = 40;

function filled(value: number): Float32Array {
  return new Float32Array(dimension).fill(value);
}

test("what is within a distance is the same as comparing one by one, whatever was added and deleted", () => {
  const table = createVectorTable(dimension);
  const vectors = new Map<string, Float32Array>();
  for (let at = 0; at < 200; at++) {
    const vector = new Float32Array(dimension).map((_, each) => Math.sin(at * 7 + each));
    vectors.set(`face ${at}`, vector);
    table.set(`face ${at}`, vector);
    if (at % 3 !== 0) continue;
    vectors.delete(`face ${at / 3}`);
    table.delete(`face ${at / 3}`);
  }
  const probe = filled(0.1);
  const exact = [...vectors]
    .map(([id, vector]) => ({ id, distance: distanceOf(probe, vector) }))
    .sort((a, b) => a.distance - b.distance);
  expect(table.size).toBe(vectors.size);
  const within = table.within(probe, 4.6);
  expect(within.map(({ id }) => id)).toEqual(
    exact.filter(({ distance }) => distance <= 4.6).map(({ id }) => id),
  );
  expect(within.length).toBeGreaterThan(0);
  expect(table.nearest(probe, 7).map(({ id }) => id)).toEqual(exact.slice(0, 7).map(({ id }) => id));
});

test("equally near ones come in the order of their ids", () => {
  const table = createVectorTable(dimension);
  for (const id of ["c", "a", "b"]) table.set(id, filled(1));
  expect(table.within(filled(1), 0).map(({ id }) => id)).toEqual(["a", "b", "c"]);
  expect(table.nearest(filled(1), 2).map(({ id }) => id)).toEqual(["a", "b"]);
});

test("a vector of another length is refused", () => {
  expect(() => createVectorTable(dimension).set("a", new Float32Array(3))).toThrow(RangeError);
});
