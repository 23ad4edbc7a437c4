import { expect, test } from "vitest";
import { judgeRanks, rankOf } from "./retrieval.ts";

test("a rank counts what agrees better, and as well", () => {
  expect(rankOf([0.1, 0.9, 0.5], 1)).toBe(1);
  expect(rankOf([0.1, 0.9, 0.5], 0)).toBe(3);
  expect(rankOf([0.5, 0.5, 0.5], 2)).toBe(3);
});

test("recall and mean reciprocal rank of known ranks", () => {
  const quality = judgeRanks([1, 2, 4, 20]);
  expect(quality.queries).toBe(4);
  expect(quality.recall).toEqual({ 1: 0.25, 5: 0.75, 10: 0.75 });
  expect(quality.meanReciprocalRank).toBeCloseTo((1 + 0.5 + 0.25 + 0.05) / 4, 10);
});

test("nothing to judge is no quality", () => {
  expect(judgeRanks([])).toEqual({ queries: 0, recall: { 1: 0, 5: 0, 10: 0 }, meanReciprocalRank: 0 });
});
