import { expect, test } from "vitest";
import { watchStandstill } from "./standstill.ts";

test("what moves in time never stands still; what does not, does from then on until it moves", () => {
  let now = 1_000;
  const standsStill = watchStandstill(30, () => now);
  const at = (ms: number, mark: string) => {
    now = 1_000 + ms;
    return standsStill(mark);
  };
  expect(at(10, "0")).toBe(false);
  expect(at(39, "0")).toBe(false);
  expect(at(39, "1")).toBe(false);
  expect(at(68, "1")).toBe(false);
  expect(at(69, "1")).toBe(true);
  expect(at(100, "1")).toBe(true);
  expect(at(101, "0")).toBe(false);
});
