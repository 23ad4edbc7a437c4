import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, it, vi } from "vitest";
import { createLineBody, ndjson, serverSentEvents } from "./line-response.ts";
import type { Line } from "./lines.ts";

const line = (description: string): Line => ({ type: "caption", description, data: null, elapsedMs: 1 });

async function* lines(count: number, size: number): AsyncGenerator<Line> {
  for (let index = 0; index < count; index++) yield line("x".repeat(size));
}

describe("createLineBody", () => {
  it("cuts off a client that takes nothing, and gives its place back once", async () => {
    const release = vi.fn();
    const breakOff = vi.fn();
    let made = 0;
    async function* endless(): AsyncGenerator<Line> {
      for (;;) {
        made += 1;
        yield line("x".repeat(10_000));
      }
    }
    createLineBody({ lines: endless(), format: ndjson, release, stallMs: 30 }, breakOff);
    await vi.waitFor(() => expect(breakOff).toHaveBeenCalledOnce());
    expect(release).toHaveBeenCalledOnce();
    expect(made).toBeLessThan(10);
  });

  it("waits for a client that is slow but reads", async () => {
    const release = vi.fn();
    const breakOff = vi.fn();
    const body = createLineBody(
      { lines: lines(30, 10_000), format: ndjson, release, stallMs: 500 },
      breakOff,
    );
    let size = 0;
    for await (const chunk of body) {
      size += chunk.byteLength;
      await sleep(2);
    }
    expect(size).toBeGreaterThan(300_000);
    expect(breakOff).not.toHaveBeenCalled();
    expect(release).toHaveBeenCalledOnce();
  });

  it("gives the place back at once when the client leaves", async () => {
    const release = vi.fn();
    async function* waiting(): AsyncGenerator<Line> {
      yield line("first");
      await sleep(100_000, undefined, { ref: false });
    }
    const body = createLineBody({ lines: waiting(), format: ndjson, release }, () => undefined);
    await body.cancel();
    expect(release).toHaveBeenCalledOnce();
  });

  it("breaks off a stream whose source breaks", async () => {
    const breakOff = vi.fn();
    // biome-ignore lint/correctness/useYield: breaks before its first line
    async function* broken(): AsyncGenerator<Line> {
      throw new Error("broken");
    }
    createLineBody({ lines: broken(), format: ndjson, release: () => undefined }, breakOff);
    await vi.waitFor(() => expect(breakOff).toHaveBeenCalledOnce());
  });
});

describe("formats", () => {
  it("keep text on one line", () => {
    expect(ndjson.encode(line("a\nb")).split("\n")).toHaveLength(2);
    expect(serverSentEvents.encode(line("a\nb"))).toMatch(/^event: caption\ndata: [^\n]+\n\n$/);
  });
});
