import { expect, test } from "vitest";
import { matchFaces } from "./face-matching.ts";

const box = (x: number, y: number, side = 0.2) => ({ x, y, width: side, height: side });
const known = (id: string, x: number, y: number) => ({ id, box: box(x, y) });
const found = (x: number, y: number, side?: number) => ({ box: box(x, y, side) });

test("a face is known again when its box has moved a little, and not when it has moved far", () => {
  expect(matchFaces([known("a", 0.1, 0.1)], [found(0.12, 0.11)])).toEqual(["a"]);
  expect(matchFaces([known("a", 0.1, 0.1)], [found(0.25, 0.1)])).toEqual([undefined]);
  expect(matchFaces([known("a", 0.1, 0.1)], [found(0.1, 0.1, 0.4)])).toEqual([undefined]);
});

test("each face is taken once, the best overlap first, whatever the order", () => {
  const faces = [known("a", 0.1, 0.1), known("b", 0.16, 0.1)];
  expect(matchFaces(faces, [found(0.15, 0.1), found(0.11, 0.1)])).toEqual(["b", "a"]);
  expect(matchFaces(faces.toReversed(), [found(0.11, 0.1), found(0.15, 0.1)])).toEqual(["a", "b"]);
  // Both finds are nearest to b; the nearer one gets it, the other is left with a.
  expect(matchFaces(faces, [found(0.14, 0.1), found(0.155, 0.1)])).toEqual(["a", "b"]);
  expect(matchFaces([known("a", 0.1, 0.1)], [found(0.11, 0.1), found(0.1, 0.1)])).toEqual([undefined, "a"]);
});

test("a face of which a human has spoken is known again also by a box of another size, unless another face fits better", () => {
  const spokenOf = { ...known("s", 0.1, 0.1), spokenOf: true };
  expect(matchFaces([spokenOf], [found(0.05, 0.05, 0.35)])).toEqual(["s"]);
  expect(matchFaces([known("a", 0.1, 0.1)], [found(0.05, 0.05, 0.35)])).toEqual([undefined]);
  expect(matchFaces([spokenOf, known("a", 0.12, 0.1)], [found(0.12, 0.1)])).toEqual(["a"]);
  expect(matchFaces([spokenOf], [found(0.5, 0.5)])).toEqual([undefined]);
});

test("without faces there is nothing to match", () => {
  expect(matchFaces([], [found(0, 0)])).toEqual([undefined]);
  expect(matchFaces([known("a", 0, 0)], [])).toEqual([]);
  // A box without area is nobody's.
  expect(matchFaces([{ id: "a", box: box(0, 0, 0) }], [found(0, 0, 0)])).toEqual([undefined]);
});
