import { expect, test } from "vitest";
import { fuse, spellingDoubt, visualScore } from "./ranking.ts";

const [a, b, c] = ["01a", "01b", "01c"] as const;
const match = (
  photoId: string,
  rank: number,
  found: { caption?: string; labels?: string[]; ocrText?: string; title?: string; description?: string } = {},
) => ({
  photoId,
  rank,
  caption: "",
  labels: [],
  ocrText: "",
  title: "",
  description: "",
  ...found,
});

test("relevance grows with the cosine and stays within 0..1", () => {
  const scores = [-1, 0, 0.22, 0.28, 0.3, 0.39, 1].map((cosine) => visualScore(cosine));
  expect(scores).toEqual([...scores].sort((x, y) => x - y));
  expect(scores.every((score) => score >= 0 && score <= 1)).toBe(true);
  expect(visualScore(0.3)).toBeCloseTo(0.5);
  expect(visualScore(0.39)).toBeGreaterThan(0.9);
  expect(visualScore(0.22)).toBeLessThan(0.1);
});

test("words spelled in many pieces are doubted, to a bound", () => {
  expect(spellingDoubt(1)).toBe(0);
  expect(spellingDoubt(0)).toBe(0);
  expect(spellingDoubt(2)).toBeCloseTo(0.03);
  expect(spellingDoubt(50)).toBe(0.06);
  expect(visualScore(0.32, spellingDoubt(4))).toBeLessThan(0.35);
});

test("a photo found by picture and words is above one found by either", () => {
  const hits = fuse(
    [
      { photoId: a, cosine: 0.32, doubt: 0 },
      { photoId: b, cosine: 0.32, doubt: 0 },
    ],
    [match(b, 0.8), match(c, 0.8)],
    ["cat"],
  );
  expect(hits.map(({ photoId }) => photoId)).toEqual([b, c, a]);
  expect(hits.every(({ score }) => score >= 0 && score <= 1)).toBe(true);
  expect(fuse([], [match(a, 5)], [])[0]?.score).toBeLessThanOrEqual(0.9);
});

test("ties are ordered by id, newest first", () => {
  const neighbours = [a, c, b].map((photoId) => ({ photoId, cosine: 0.4, doubt: 0 }));
  expect(fuse(neighbours, [], []).map(({ photoId }) => photoId)).toEqual([c, b, a]);
});

test("says why: the picture, or where which word was found", () => {
  const found = {
    title: "My cat",
    description: "The cat at home",
    caption: "A black cat",
    labels: ["cat", "sofa"],
    ocrText: "CATS ONLY",
  };
  const hits = fuse([{ photoId: a, cosine: 0.4, doubt: 0 }], [match(a, 0.7, found), match(b, 0.7)], ["cat"]);
  expect(new Map(hits.map(({ photoId, why }) => [photoId, why]))).toEqual(
    new Map([
      [a, ["picture", "title: cat", "description: cat", "caption: cat", "label: cat", "text: cat"]],
      [b, ["words"]],
    ]),
  );
  expect(fuse([{ photoId: a, cosine: 0, doubt: 0 }], [], [])[0]?.why).toEqual([]);
});
