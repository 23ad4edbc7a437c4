import { describe, expect, it } from "vitest";
import { FairQueue } from "./queue.ts";

const entry = (modelId: string, batchKey: string | null = "k", maxBatch = 1) => ({
  modelId,
  batchKey,
  maxBatch,
});

describe("FairQueue", () => {
  it("takes turns between models", () => {
    const queue = new FairQueue<ReturnType<typeof entry>>(10);
    for (const id of ["a", "a", "a", "b", "c"]) queue.push(entry(id));
    const order = Array.from({ length: 5 }, () => queue.takeBatch()[0]?.modelId);
    expect(order).toEqual(["a", "b", "c", "a", "a"]);
    expect(queue.takeBatch()).toEqual([]);
  });

  it("joins only equal keys, up to the batch limit, oldest first", () => {
    const queue = new FairQueue<ReturnType<typeof entry>>(10);
    const entries = ["x", "y", "x", "x", "x"].map((key) => entry("a", key, 3));
    for (const one of entries) queue.push(one);
    expect(queue.takeBatch()).toEqual([entries[0], entries[2], entries[3]]);
    expect(queue.takeBatch()).toEqual([entries[1]]);
    expect(queue.takeBatch()).toEqual([entries[4]]);
  });

  it("never joins entries without a key", () => {
    const queue = new FairQueue<ReturnType<typeof entry>>(10);
    queue.push(entry("a", null, 4));
    queue.push(entry("a", null, 4));
    expect(queue.takeBatch()).toHaveLength(1);
  });

  it("is bounded per model, forgets removed entries and drains", () => {
    const queue = new FairQueue<ReturnType<typeof entry>>(2);
    const first = entry("a");
    expect([queue.push(first), queue.push(entry("a")), queue.push(entry("a"))]).toEqual([true, true, false]);
    expect(queue.push(entry("b"))).toBe(true);
    expect([queue.remove(first), queue.remove(first)]).toEqual([true, false]);
    expect(queue.depth("a")).toBe(1);
    expect(queue.drain()).toHaveLength(2);
    expect(queue.size).toBe(0);
  });
});
