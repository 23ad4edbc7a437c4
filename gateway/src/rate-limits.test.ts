import { describe, expect, it } from "vitest";
import { addressKey, createRateLimits, type RateLimit, type RateLimitSettings } from "./rate-limits.ts";

const start = Date.UTC(2026, 0, 1);

function limited(limit: RateLimit | "off", maxKeys?: number) {
  let now = start;
  const all: RateLimitSettings = {
    auth: limit,
    read: limit,
    write: limit,
    upload: limit,
    analyze: limit,
    search: limit,
    admin: limit,
  };
  const limits = createRateLimits(all, () => new Date(now), maxKeys);
  const take = (key = "user:a") => limits.take("read", key);
  /** How many get in at this moment. */
  const count = (key?: string) => {
    let taken = 0;
    while (taken < 1000 && isIn(() => take(key))) taken += 1;
    return taken;
  };
  const pass = (ms: number) => {
    now += ms;
  };
  return { limits, take, count, pass };
}

function isIn(take: () => unknown): boolean {
  try {
    take();
    return true;
  } catch {
    return false;
  }
}

describe("rate limits", () => {
  it("let so many in, each class and key for itself", () => {
    const { limits, count } = limited({ limit: 10, windowMs: 60_000 });
    expect(count("user:a")).toBe(10);
    expect(count("user:b")).toBe(10);
    expect(limits.take("write", "user:a")).toMatchObject({ name: "write", remaining: 9, limit: 10 });
  });

  it("never let twice the limit in around the edge of a window", () => {
    const { count, pass } = limited({ limit: 10, windowMs: 60_000 });
    pass(59_999);
    expect(count()).toBe(10);
    pass(2);
    expect(count()).toBe(0);
    pass(30_000);
    expect(count()).toBe(5);
  });

  it("say when one more fits, and it does", () => {
    for (const passed of [0, 1, 20_000, 59_000]) {
      const { take, count, pass } = limited({ limit: 7, windowMs: 60_000 });
      pass(passed);
      count();
      for (let round = 0; round < 5; round += 1) {
        const waitMs = retryAfter(take);
        expect(waitMs).toBeGreaterThan(0);
        expect(waitMs).toBeLessThanOrEqual(120_000);
        pass(Math.max(0, waitMs - 20));
        expect(isIn(take), `${passed} ${round} too early`).toBe(false);
        pass(21);
        expect(isIn(take), `${passed} ${round}`).toBe(true);
      }
    }
  });

  it("count down what is left", () => {
    const { take } = limited({ limit: 3, windowMs: 60_000 });
    expect([take(), take(), take()].map((state) => state?.remaining)).toEqual([2, 1, 0]);
    expect(take).toThrow("Too many requests");
  });

  it("check without counting", () => {
    const { limits, count } = limited({ limit: 2, windowMs: 60_000 });
    for (let times = 0; times < 10; times += 1) limits.check("read", "user:a");
    expect(count()).toBe(2);
    expect(() => limits.check("read", "user:a")).toThrow("Too many requests");
  });

  it("keep a bounded number of keys", () => {
    const { count, take } = limited({ limit: 1, windowMs: 60_000 }, 100);
    expect(count("user:first")).toBe(1);
    for (let index = 0; index < 99; index += 1) take(`address:${index}`);
    expect(count("user:first")).toBe(0);
    for (let index = 0; index < 5000; index += 1) isIn(() => take(`address:${index}`));
    expect(count("user:first")).toBe(1);
  });

  it("are off when they are off", () => {
    expect(limited("off").count()).toBe(1000);
  });
});

function retryAfter(take: () => unknown): number {
  try {
    take();
  } catch (error) {
    if (error instanceof Error && "retryAfterMs" in error) return Number(error.retryAfterMs);
  }
  return 0;
}

describe("the key of an address", () => {
  it.each([
    ["192.0.2.1", "address:192.0.2.1"],
    ["2001:db8:1:2:3:4:5:6", "address:2001:db8:1:2::/64"],
    ["2001:db8:1:2::1", "address:2001:db8:1:2::/64"],
    ["2001:db8::1", "address:2001:db8:0:0::/64"],
    ["::1", "address:0:0:0:0::/64"],
    ["", "address:"],
  ])("%s", (address, key) => {
    expect(addressKey(address)).toBe(key);
  });
});
