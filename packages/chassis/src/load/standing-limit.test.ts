import { expect, test } from "vitest";
import { createStandingLimit } from "./standing-limit.ts";

/** Work that a server does so many pieces of at once, each for so long; the rest of what is begun waits in line. */
function simulate(serverPlaces: number, workMs: number) {
  let now = 0;
  const limit = createStandingLimit({ targetMs: 500, least: 8, most: 1_000, clock: () => now });
  const line: Array<{ end: () => void; leftMs: number }> = [];
  const stepMs = 10;
  return {
    limit,
    /** Offers work at a rate for a while; answers how much was refused, and the longest line. */
    offer(perSecond: number, ms: number) {
      const counts = { refused: 0, longest: 0 };
      let due = 0;
      for (const until = now + ms; now < until; now += stepMs) {
        for (due += (perSecond * stepMs) / 1000; due >= 1; due -= 1) {
          if (limit.hasRoom) line.push({ end: limit.begin(), leftMs: workMs });
          else counts.refused += 1;
        }
        for (const each of line.slice(0, serverPlaces)) each.leftMs -= stepMs;
        while (line[0] && line[0].leftMs <= 0) line.shift()?.end();
        counts.longest = Math.max(counts.longest, line.length);
      }
      return counts;
    },
  };
}

test("nothing is refused as long as work does not stand in line, however much of it there is", () => {
  const { limit, offer } = simulate(50, 400);
  expect(offer(120, 20_000).refused).toBe(0);
  expect(limit.limit).toBe(Number.POSITIVE_INFINITY);
});

test("of twice what can be done half is refused, and what is let in is done in time", () => {
  const { limit, offer } = simulate(4, 40);
  // 100 pieces of work a second.
  offer(200, 20_000);
  const { refused, longest } = offer(200, 20_000);
  expect(refused).toBeGreaterThan(1_800);
  expect(refused).toBeLessThan(2_200);
  // A line of 50 takes half a second.
  expect(longest).toBeLessThan(75);
  expect(limit.limit).toBeGreaterThan(20);
});

test("the limit goes once there is room again", () => {
  const { limit, offer } = simulate(4, 40);
  offer(400, 20_000);
  expect(limit.limit).toBeLessThan(100);
  // What stands in line is worked off first.
  offer(20, 2_000);
  expect(offer(20, 40_000).refused).toBe(0);
  expect(limit.limit).toBe(Number.POSITIVE_INFINITY);
});

test("a few that are slow are no queue", () => {
  let now = 0;
  const limit = createStandingLimit({ targetMs: 500, least: 8, most: 1_000, clock: () => now });
  for (let round = 0; round < 20; round += 1) {
    const ends = Array.from({ length: 9 }, () => limit.begin());
    now += 5_000;
    for (const end of ends) end();
  }
  expect(limit.limit).toBe(Number.POSITIVE_INFINITY);
});

test("work that hangs does not raise the limit, and the least is always let in", () => {
  let now = 0;
  const limit = createStandingLimit({ targetMs: 500, least: 8, most: 1_000, clock: () => now });
  const begin = (count: number) => Array.from({ length: count }, () => limit.begin());
  const ends = begin(40);
  for (let round = 0; round < 10; round += 1) {
    now += 2_000;
    for (const end of ends.splice(0, 20)) end();
    ends.push(...begin(20));
  }
  const hanging = begin(8);
  now += 600;
  const before = limit.limit;
  expect(before).toBeLessThanOrEqual(30);
  now += 60_000;
  expect(limit.limit).toBe(before);
  for (const end of [...ends, ...hanging]) {
    end();
    // A second call of the same counts nothing.
    end();
  }
  now += 120_000;
  expect(limit.limit).toBe(Number.POSITIVE_INFINITY);
});
