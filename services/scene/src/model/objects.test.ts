import { describe, expect, it } from "vitest";
import { iou, suppressPerLabel } from "./nms.ts";
import { keepBestNames } from "./objects.ts";
import type { DetectedObject } from "./types.ts";

const object = (label: string, score: number, x: number, width = 0.4): DetectedObject => ({
  label,
  score,
  box: { x, y: 0.1, width, height: 0.5 },
});

describe("suppressPerLabel", () => {
  it("joins boxes of one label only, best first, up to the limit", () => {
    const boxes = [
      object("cat", 0.5, 0.1),
      object("cat", 0.9, 0.11),
      object("dog", 0.6, 0.1),
      object("cat", 0.4, 0.55),
    ];
    expect(suppressPerLabel(boxes, 0.6, 10).map(({ label, score }) => [label, score])).toEqual([
      ["cat", 0.9],
      ["dog", 0.6],
      ["cat", 0.4],
    ]);
    expect(suppressPerLabel(boxes, 0.6, 1)).toHaveLength(1);
    expect(iou(object("a", 1, 0).box, object("a", 1, 0.5).box)).toBe(0);
  });
});

describe("keepBestNames", () => {
  it("gives one thing its most trusted name and its best score", () => {
    const boxes = [object("person", 0.48, 0), object("cat", 0.4, 0), object("cup", 0.45, 0.5)];
    const named = keepBestNames(boxes, ({ label, score }) => (label === "cat" ? score + 0.5 : score));
    expect(named.map(({ label, score }) => [label, score])).toEqual([
      ["cat", 0.48],
      ["cup", 0.45],
    ]);
    expect(boxes[1]?.score).toBe(0.4);
  });

  it("leaves a rider on a horse and a tie on a man alone", () => {
    const boxes = [object("person", 0.8, 0), object("tie", 0.6, 0.1, 0.1), object("horse", 0.7, 0.1, 0.5)];
    expect(keepBestNames(boxes, ({ score }) => score)).toHaveLength(3);
  });
});
