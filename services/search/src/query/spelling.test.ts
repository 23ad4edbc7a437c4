import { expect, test } from "vitest";
import { closest, editDistance } from "./spelling.ts";

test.each([
  ["kitten", "kitten", 0],
  ["kiten", "kitten", 1],
  ["ktiten", "kitten", 1],
  ["", "abc", 3],
  ["sunday", "saturday", 3],
])("%s to %s takes %d edits", (a, b, edits) => {
  expect(editDistance(a, b)).toBe(edits);
  expect(editDistance(b, a)).toBe(edits);
});

test("short words are left alone, long ones may have two slips", () => {
  expect(closest("cta", ["cat"])).toBeUndefined();
  expect(closest("kiten", ["mitten", "kitten"])).toBe("kitten");
  expect(closest("violet", ["violin"])).toBeUndefined();
  expect(closest("astronuat", ["astronaut"])).toBe("astronaut");
  expect(closest("lighthuose", ["lighthouses"])).toBe("lighthouses");
  expect(closest("kitten", ["kitten"])).toBeUndefined();
});
