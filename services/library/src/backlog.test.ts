import { currentScope, inScope } from "@ocelli/chassis";
import { describe, expect, test } from "vitest";
import { createBacklog } from "./backlog.ts";

function backlogOf(limit: number) {
  const store = { unfinished: 0, counts: 0, nowMs: 0 };
  const backlog = createBacklog({
    limit,
    nowMs: () => store.nowMs,
    count: async () => {
      store.counts += 1;
      return store.unfinished;
    },
  });
  return { store, admit: () => backlog.admit() };
}

describe("the analysis backlog", () => {
  test("admits a rush up to the limit with a single count", async () => {
    const { store, admit } = backlogOf(5);
    const outcomes = await Promise.allSettled(Array.from({ length: 1000 }, admit));
    expect(outcomes.filter(({ status }) => status === "fulfilled")).toHaveLength(5);
    expect(store.counts).toBe(1);
    await expect(admit()).rejects.toMatchObject({ reason: "ANALYSIS_BACKLOG_FULL", retryAfterMs: 2000 });
  });

  test("counts for all who wait, not for the one call that came first", async () => {
    const scopes: unknown[] = [];
    const count = async () => {
      scopes.push(currentScope());
      return 0;
    };
    const backlog = createBacklog({ limit: 5, nowMs: () => 0, count });
    await inScope({ deadlineAt: performance.now() + 1_000, signal: new AbortController().signal }, () =>
      backlog.admit(),
    );
    expect(scopes).toEqual([undefined]);
  });

  test("keeps the place of a stored photo until a count includes it, and frees that of a refused one", async () => {
    const { store, admit } = backlogOf(2);
    const first = await admit();
    const second = await admit();
    first(true);
    second(false);
    const third = await admit();
    await expect(admit()).rejects.toThrow();
    third(false);
    store.unfinished = 1;
    store.nowMs = 1000;
    await admit();
    await expect(admit()).rejects.toThrow();
    store.unfinished = 0;
    store.nowMs = 2000;
    await admit();
  });
});
