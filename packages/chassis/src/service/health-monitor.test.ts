import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { createLogger } from "../logger.ts";
import { type HealthMonitor, watchHealth } from "./health-monitor.ts";

const log = createLogger({ level: "silent", format: "json", destination: { write: () => undefined } });
let monitor: HealthMonitor;
let changes: boolean[] = [];
let answer: () => Promise<void> = async () => undefined;
const fails = () => Promise.reject(new Error("gone"));

beforeEach(() => {
  vi.useFakeTimers();
  changes = [];
  answer = async () => undefined;
  monitor = watchHealth({
    checks: [
      { name: "fine", check: async () => undefined },
      { name: "shaky", check: () => answer() },
    ],
    onChange: (healthy) => changes.push(healthy),
    log,
  });
});
afterEach(() => {
  monitor.stop();
  vi.useRealTimers();
});

test("three bad looks in a row are needed to fall, two good ones to rise", async () => {
  answer = fails;
  await vi.advanceTimersByTimeAsync(6_900);
  expect(changes).toEqual([]);
  await vi.advanceTimersByTimeAsync(200);
  expect(changes).toEqual([false]);
  answer = async () => undefined;
  await vi.advanceTimersByTimeAsync(1_000);
  expect(changes).toEqual([false]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect(changes).toEqual([false, true]);
});

test("one bad look is forgotten", async () => {
  for (let round = 0; round < 10; round += 1) {
    answer = round % 2 ? fails : async () => undefined;
    await vi.advanceTimersByTimeAsync(round % 2 ? 5_000 : 1_000);
  }
  expect(changes).toEqual([]);
});

test("a dependency that never answers is as good as gone", async () => {
  answer = () => new Promise(() => undefined);
  await vi.advanceTimersByTimeAsync(17_000);
  expect(changes).toEqual([false]);
});
