import { setImmediate as turn } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { createPixelBudget } from "./pixel-budget.ts";

function budgetOf(pixels: number, concurrency: number, queueLimit: number) {
  const budget = createPixelBudget({ pixels, concurrency, queueLimit, onFull: () => new Error("full") });
  const started: string[] = [];
  const finish = new Map<string, () => void>();
  const run = (name: string, size: number) =>
    budget.run(size, () => {
      started.push(name);
      return new Promise<string>((resolve) => finish.set(name, () => resolve(name)));
    });
  return { ...budget, run, started, end: (name: string) => finish.get(name)?.() };
}

describe("the pixel budget", () => {
  test("bounds pixels in work, and never lets small work overtake a waiting large one", async () => {
    const budget = budgetOf(100, 10, 10);
    const all = [budget.run("a", 60), budget.run("b", 30), budget.run("large", 90), budget.run("c", 5)];
    await turn();
    expect(budget.started).toEqual(["a", "b"]);
    budget.end("b");
    await turn();
    expect(budget.started).toEqual(["a", "b"]);
    budget.end("a");
    await turn();
    expect(budget.started).toEqual(["a", "b", "large", "c"]);
    budget.end("large");
    budget.end("c");
    expect(await Promise.all(all)).toEqual(["a", "b", "large", "c"]);
  });

  test("runs work beyond the whole budget alone", async () => {
    const budget = budgetOf(100, 10, 10);
    const huge = budget.run("huge", 5000);
    const small = budget.run("small", 1);
    await turn();
    expect(budget.started).toEqual(["huge"]);
    budget.end("huge");
    await huge;
    budget.end("small");
    expect(await small).toBe("small");
  });

  test("bounds the queue and frees the place of failed work", async () => {
    const budget = budgetOf(100, 1, 1);
    const failing = createPixelBudget({
      pixels: 1,
      concurrency: 1,
      queueLimit: 0,
      onFull: () => new Error("full"),
    });
    await expect(failing.run(1, () => Promise.reject(new Error("broken")))).rejects.toThrow("broken");
    expect(await failing.run(1, async () => "next")).toBe("next");
    const first = budget.run("first", 1);
    budget.assertRoom();
    const second = budget.run("second", 1);
    expect(() => budget.assertRoom()).toThrow("full");
    await expect(budget.run("third", 1)).rejects.toThrow("full");
    budget.end("first");
    await first;
    await turn();
    budget.end("second");
    expect(await second).toBe("second");
  });
});
