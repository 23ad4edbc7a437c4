import { events } from "@ocelli/contracts";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import type { BusEvent } from "../events/bus.ts";
import { createLogger } from "../logger.ts";
import { createRevocations, type RevocationWatch, watchRevocations } from "./revocations.ts";

const log = createLogger({ level: "silent", format: "json" });
const minuteMs = 60_000;
let now: number;
let watch: RevocationWatch | undefined;
let emit: (event: Pick<BusEvent, "subject" | "payload">) => void;
let filter: string;
let stoppedWatching: boolean;

const bus = {
  async watch(subjects: string, handle: (event: BusEvent) => void) {
    filter = subjects;
    emit = (event) => handle({ id: "event", ...event });
    return {
      async stop() {
        stoppedWatching = true;
      },
    };
  },
};
const start = async (fetch: () => Promise<string[]>) => {
  watch = await watchRevocations({ bus, fetch, log, now: () => new Date(now) });
  return watch;
};

beforeEach(() => {
  vi.useFakeTimers();
  now = 1_000_000;
  stoppedWatching = false;
});

afterEach(async () => {
  await watch?.stop();
  watch = undefined;
  vi.useRealTimers();
});

describe("following auth", () => {
  test("hears of each kind of grant from its event", async () => {
    const { isRevoked } = await start(async () => []);
    const { sessionRevoked, apiKeyRevoked, serviceAccountRevoked } = events;
    const told = [
      [sessionRevoked.subject, sessionRevoked.message.encode({ sessionId: "s", userId: "u" })],
      [apiKeyRevoked.subject, apiKeyRevoked.message.encode({ apiKeyId: "k", userId: "u" })],
      [serviceAccountRevoked.subject, serviceAccountRevoked.message.encode({ serviceAccountId: "a" })],
    ] as const;
    expect(["s", "k", "a"].map(isRevoked)).toEqual([false, false, false]);
    for (const [subject, writer] of told) emit({ subject, payload: writer.finish() });
    expect(["s", "k", "a"].map(isRevoked)).toEqual([true, true, true]);
    // The owner is not what was revoked.
    expect(isRevoked("u")).toBe(false);
    for (const [subject] of told) {
      const [, service, noun, verb] = subject.split(".");
      expect(filter).toBe(`ocelli.${service}.*.${verb}`);
      expect(noun).not.toContain("*");
    }
  });

  test("ignores what it cannot read and what is none of its business", async () => {
    const { isRevoked } = await start(async () => []);
    emit({ subject: events.sessionRevoked.subject, payload: Uint8Array.of(0xff, 0xff, 0xff) });
    emit({ subject: "ocelli.auth.other.revoked", payload: Uint8Array.of(10, 1, 120) });
    emit({ subject: events.sessionRevoked.subject, payload: Uint8Array.of() });
    expect(["", "x"].map(isRevoked)).toEqual([false, false]);
  });

  test("asks auth at the start and every 15 seconds, so that a missed event does not matter", async () => {
    let answer = ["before"];
    const fetch = vi.fn(async () => answer);
    const { isRevoked } = await start(fetch);
    await vi.advanceTimersByTimeAsync(0);
    expect(isRevoked("before")).toBe(true);
    answer = ["before", "missed"];
    await vi.advanceTimersByTimeAsync(14_999);
    expect(isRevoked("missed")).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    expect(isRevoked("missed")).toBe(true);
    expect(fetch).toHaveBeenCalledTimes(2);
  });

  test("keeps what it knows while auth is away, and goes on asking", async () => {
    let away = false;
    const fetch = vi.fn(async () => {
      if (away) throw new Error("away");
      return ["known"];
    });
    const { isRevoked, add } = await start(fetch);
    await vi.advanceTimersByTimeAsync(0);
    away = true;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(fetch).toHaveBeenCalledTimes(5);
    expect(isRevoked("known")).toBe(true);
    // What a service knows by itself needs no event.
    add("mine");
    expect(isRevoked("mine")).toBe(true);
    away = false;
    await vi.advanceTimersByTimeAsync(15_000);
    expect(fetch).toHaveBeenCalledTimes(6);
  });

  test("does not wait for the first answer, and stops for good", async () => {
    const { stop } = await start(() => new Promise(() => undefined));
    await stop();
    expect(stoppedWatching).toBe(true);
    const fetch = vi.fn(async () => []);
    const second = await start(fetch);
    await vi.advanceTimersByTimeAsync(0);
    await second.stop();
    await vi.advanceTimersByTimeAsync(120_000);
    expect(fetch).toHaveBeenCalledTimes(1);
  });
});

describe("the list", () => {
  test("forgets once no token can be alive, but not before", () => {
    const list = createRevocations(() => new Date(now));
    list.add("old");
    now += 65 * minuteMs;
    list.add("young");
    expect(list.isRevoked("old")).toBe(true);
    now += 1;
    list.add("younger");
    expect(["old", "young", "younger"].map(list.isRevoked)).toEqual([false, true, true]);
  });

  test("holds at most 200,000, of which the oldest go first", () => {
    const list = createRevocations(() => new Date(now));
    const names = Array.from({ length: 200_010 }, (_, index) => `grant-${index}`);
    for (const name of names) list.add(name);
    expect(names.filter(list.isRevoked)).toEqual(names.slice(10));
  });

  test("keeps the first time of a grant that is named again and again", () => {
    const list = createRevocations(() => new Date(now));
    for (let minute = 0; minute <= 65; minute++) {
      list.add("again");
      now += minuteMs;
    }
    list.add("other");
    expect(list.isRevoked("again")).toBe(false);
  });
});
