import { expect, it } from "vitest";
import { createSlots, createUserSlots } from "./slots.ts";

it("leaves to others what one user may not take", () => {
  const slots = createSlots({ total: 4, perUser: 2 }, "FULL", "Full.");
  const release = slots.take("a");
  slots.take("a");
  expect(() => slots.take("a")).toThrow("Full.");
  slots.take("b");
  slots.take("c");
  expect(() => slots.take("d")).toThrow("Full.");
  release();
  release();
  expect(slots.taken).toBe(3);
  slots.take("a");
  expect(() => slots.take("b")).toThrow("Full.");
});

it("gives one user half, unless set otherwise", () => {
  const limits = { maxWatchers: 3, maxActiveDetections: 4, maxWatchersPerUser: undefined };
  const { watcherSlots, detectionSlots } = createUserSlots({ ...limits, maxDetectionsPerUser: 4 });
  watcherSlots.take("a");
  watcherSlots.take("a");
  expect(() => watcherSlots.take("a")).toThrow("Too many live streams");
  for (let index = 0; index < 4; index += 1) detectionSlots.take("a");
});
