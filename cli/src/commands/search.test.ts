import type { IndexModelReport, RebuildReport } from "@ocelli/search";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { fill, rebuild } from "./search.ts";

const patience = { watchMs: 1, limitMs: 60 };
const asked: RebuildReport = {
  ...{ started: true, running: true, documents: 0, removed: 0, error: "", pulse: "" },
  ...{ startedAt: new Date(0), finishedAt: undefined },
};
const model: IndexModelReport = { model: "next@1", state: "filling", filled: 0, total: 200, failed: 0 };
const said: string[] = [];

beforeEach(() => {
  said.length = 0;
  vi.spyOn(console, "log").mockImplementation((line: string) => void said.push(line));
});
afterEach(() => {
  vi.restoreAllMocks();
});

/** Answers once per look, each after longer than half of the patience. */
function slowly<T>(answers: readonly T[]): () => Promise<T> {
  const rest = [...answers];
  return async () => {
    await new Promise((resolve) => setTimeout(resolve, 40));
    const [next = rest[0]] = rest.length > 1 ? rest.splice(0, 1) : rest;
    if (next === undefined) throw new Error("asked for more than there is");
    return next;
  };
}

test("a rebuild that no service takes up is waited for no longer than nothing moves", async () => {
  const operator = { startRebuild: async () => asked, rebuildState: async () => asked };
  await expect(rebuild(operator, true, patience)).rejects.toThrow(
    /nothing has moved .* is the service running/,
  );
});

test("a rebuild that moves is waited for to its end, even where only its service shows that it lives", async () => {
  const states = [
    { ...asked, pulse: "1" },
    { ...asked, pulse: "2" },
    { ...asked, pulse: "3" },
    { ...asked, pulse: "3", documents: 7 },
    { ...asked, pulse: "3", documents: 7, removed: 1, running: false },
  ];
  await rebuild({ startRebuild: async () => asked, rebuildState: slowly(states) }, true, patience);
  expect(said).toEqual(["7 documents built, 1 removed"]);
});

test("a model that no service fills is waited for no longer than nothing moves", async () => {
  const operator = { start: async () => model, list: async () => [model] };
  await expect(fill(operator, "next", true, patience)).rejects.toThrow(/nothing has moved/);
});

test("a model that is filled slowly is waited for until it is ready", async () => {
  const reports = [1, 2, 3].map((filled): IndexModelReport => ({ ...model, filled }));
  const ready: IndexModelReport = { ...model, state: "ready", filled: 200 };
  const list = slowly([...reports, ready].map((report) => [report]));
  await fill({ start: async () => model, list }, "next", true, patience);
  expect(said.at(-1)).toBe("next: ocelli search reindex activate next@1");
});

test("whoever does not wait is told so at once", async () => {
  await rebuild({ startRebuild: async () => asked, rebuildState: async () => asked }, false, patience);
  expect(said).toEqual(["the service begins within seconds"]);
});
