import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { watchLoopDelay } from "./loop-delay.ts";

let nowMs = 0;
/** Time passes, of which the loop is late by so much at each sample. */
function pass(samples: number, lateMs: number): void {
  for (let sample = 0; sample < samples; sample += 1) {
    nowMs += 200 + lateMs;
    vi.advanceTimersByTime(200);
  }
}

beforeEach(() => {
  nowMs = 0;
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
});
afterEach(() => vi.useRealTimers());

test("bursts that are worked off are no queue, one that stands is, until it is gone", () => {
  const delay = watchLoopDelay({ clock: () => nowMs });
  pass(5, 0);
  expect(delay.standingMs).toBe(0);
  for (let burst = 0; burst < 10; burst += 1) {
    pass(1, 300);
    pass(1, 0);
  }
  expect(delay.standingMs).toBe(0);
  pass(6, 300);
  expect(delay.standingMs).toBe(300);
  pass(1, 0);
  expect(delay.standingMs).toBe(0);
  // Longer than the window that is looked at.
  pass(3, 1500);
  expect(delay.standingMs).toBe(1500);
  delay.stop();
});
