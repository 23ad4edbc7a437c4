import { expect, it } from "vitest";
import { sortForReading } from "./reading-order.ts";

function word(name: string, centerX: number, centerY: number, angle = 0) {
  return { name, rect: { centerX, centerY, width: 40, height: 20, angle } };
}

it("reads rows from top to bottom, each from left to right", () => {
  const sorted = sortForReading([
    word("d", 200, 60),
    word("b", 200, 12),
    word("c", 50, 63),
    word("a", 50, 10),
  ]);
  expect(sorted.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
});

it("follows a tilted page, where the right end of a row lies below the left end of the next", () => {
  const angle = 0.17;
  const place = (name: string, along: number, down: number) =>
    word(
      name,
      along * Math.cos(angle) - down * Math.sin(angle),
      along * Math.sin(angle) + down * Math.cos(angle),
      angle,
    );
  const sorted = sortForReading([
    place("d", 300, 40),
    place("c", 0, 40),
    place("b", 300, 0),
    place("a", 0, 0),
  ]);
  expect(sorted.map(({ name }) => name)).toEqual(["a", "b", "c", "d"]);
});

it("has nothing to say about nothing", () => {
  expect(sortForReading([])).toEqual([]);
});
