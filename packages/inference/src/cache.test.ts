import { describe, expect, it } from "vitest";
import { estimateBytes, SharedCache } from "./cache.ts";

describe("SharedCache", () => {
  it("computes once for concurrent and for later callers", async () => {
    const cache = new SharedCache({ maxBytes: 1000, maxEntries: 10 });
    let calls = 0;
    const compute = async (): Promise<number> => ++calls;
    expect(await Promise.all([cache.get("k", compute), cache.get("k", compute)])).toEqual([1, 1]);
    expect(await cache.get("k", compute)).toBe(1);
  });

  it("does not keep failures", async () => {
    const cache = new SharedCache({ maxBytes: 1000, maxEntries: 10 });
    await expect(cache.get("k", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await cache.get("k", async () => "yes")).toBe("yes");
  });

  it("stays within its bytes, dropping what was least recently used", async () => {
    const cache = new SharedCache({ maxBytes: 2500, maxEntries: 10 });
    const kilobyte = async (): Promise<Uint8Array> => new Uint8Array(1000);
    const first = await cache.get("a", kilobyte);
    await cache.get("b", kilobyte);
    await cache.get("a", kilobyte);
    await cache.get("c", kilobyte);
    expect(cache.bytes).toBeLessThanOrEqual(2500);
    expect(await cache.get("a", kilobyte)).toBe(first);
    expect(estimateBytes({ image: new Float32Array(100) })).toBeGreaterThanOrEqual(400);
    await cache.get("huge", async () => new Uint8Array(5000));
    expect(cache.bytes).toBeLessThanOrEqual(2500);
  });
});
