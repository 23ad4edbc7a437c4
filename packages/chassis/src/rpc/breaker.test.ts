import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { AppError } from "../errors/app-error.ts";
import { type BreakerState, createBreaker } from "./breaker.ts";

class Absent extends Error {}
class Business extends Error {}
class Left extends Error {}

const fail = (error: Error) => () => Promise.reject(error);
const reasonOf = (call: Promise<unknown>) =>
  call.then(
    () => "fine",
    (error) => (error instanceof AppError ? `${error.reason} ${error.retryAfterMs}` : error.constructor.name),
  );

function open(breakerFailures = 3) {
  const states: BreakerState[] = [];
  const breaker = createBreaker({
    name: "scene",
    breakerFailures,
    breakerOpenMs: 1_000,
    isFailure: (error) => error instanceof Absent,
    isSilent: (error) => error instanceof Left,
    onState: (state) => states.push(state),
  });
  return { breaker, states };
}

beforeEach(() => vi.useFakeTimers({ toFake: ["Date", "setTimeout", "clearTimeout"] }));
afterEach(() => vi.useRealTimers());

describe("a circuit", () => {
  test("opens after failures in a row, then fails at once and says when to come back", async () => {
    const { breaker, states } = open();
    for (let call = 0; call < 3; call += 1)
      expect(await reasonOf(breaker.run(fail(new Absent())))).toBe("Absent");
    let asked = false;
    vi.advanceTimersByTime(400);
    const refused = breaker.run(async () => {
      asked = true;
    });
    expect(await reasonOf(refused)).toBe("CIRCUIT_OPEN 600");
    expect([asked, states]).toEqual([false, ["open"]]);
  });

  test("does not open for what a service that is there answers, nor for callers that leave", async () => {
    const { breaker } = open();
    for (let call = 0; call < 50; call += 1) {
      await reasonOf(breaker.run(fail(call % 2 ? new Business() : new Left())));
    }
    expect(breaker.state).toBe("closed");
  });

  test("opens when more than half of many calls fail, although some go well in between", async () => {
    const { breaker } = open(1_000);
    for (let call = 0; call < 30 && breaker.state === "closed"; call += 1) {
      await reasonOf(breaker.run(call % 3 === 0 ? async () => undefined : fail(new Absent())));
      vi.advanceTimersByTime(50);
    }
    expect(breaker.state).toBe("open");
  });

  test("lets one call try; others do not wait for it, and its success closes the circuit", async () => {
    const { breaker, states } = open(1);
    await reasonOf(breaker.run(fail(new Absent())));
    vi.advanceTimersByTime(1_000);
    const answer = Promise.withResolvers<void>();
    const probe = breaker.run(() => answer.promise);
    expect(await reasonOf(breaker.run(async () => undefined))).toBe("CIRCUIT_OPEN 500");
    answer.resolve();
    await probe;
    expect(await reasonOf(breaker.run(async () => undefined))).toBe("fine");
    expect(states).toEqual(["open", "half-open", "closed"]);
  });

  test("stays open for twice as long when the try fails, or is given up", async () => {
    const { breaker } = open(1);
    await reasonOf(breaker.run(fail(new Absent())));
    vi.advanceTimersByTime(1_000);
    expect(await reasonOf(breaker.run(fail(new Absent())))).toBe("Absent");
    expect(await reasonOf(breaker.run(async () => undefined))).toBe("CIRCUIT_OPEN 2000");
    vi.advanceTimersByTime(2_000);
    expect(await reasonOf(breaker.run(fail(new Left())))).toBe("Left");
    expect(await reasonOf(breaker.run(async () => undefined))).toBe("CIRCUIT_OPEN 4000");
    vi.advanceTimersByTime(4_000);
    expect(await reasonOf(breaker.run(fail(new Business())))).toBe("Business");
    expect(breaker.state).toBe("closed");
  });

  test("does not wait for a try that takes long, whose caller still gets its answer; that closes the circuit", async () => {
    const { breaker, states } = open(1);
    await reasonOf(breaker.run(fail(new Absent())));
    vi.advanceTimersByTime(1_000);
    const slow = Promise.withResolvers<string>();
    const probe = breaker.run(() => slow.promise);
    await vi.advanceTimersByTimeAsync(1_999);
    expect(breaker.state).toBe("half-open");
    await vi.advanceTimersByTimeAsync(1);
    expect(await reasonOf(breaker.run(async () => undefined))).toBe("CIRCUIT_OPEN 2000");
    // The next one tries in its turn, and fails late: nothing more follows from that.
    await vi.advanceTimersByTimeAsync(2_000);
    const second = Promise.withResolvers<string>();
    const failing = reasonOf(breaker.run(() => second.promise));
    await vi.advanceTimersByTimeAsync(2_000);
    second.reject(new Absent());
    expect([await failing, breaker.state]).toEqual(["Absent", "open"]);
    slow.resolve("an answer");
    expect([await probe, breaker.state]).toEqual(["an answer", "closed"]);
    expect(states.filter((state) => state === "half-open")).toHaveLength(2);
    expect(vi.getTimerCount()).toBe(0);
    // It begins anew: one failure opens it for as long as the first time.
    await reasonOf(breaker.run(fail(new Absent())));
    expect(await reasonOf(breaker.run(async () => undefined))).toBe("CIRCUIT_OPEN 1000");
  });

  test("takes whatever a service answers, refusals too, for a sign of life", async () => {
    const { breaker } = open(3);
    for (let call = 0; call < 40; call += 1) {
      await reasonOf(breaker.run(fail(call % 3 === 2 ? new Business() : new Absent())));
      if (call >= 6) await reasonOf(breaker.run(fail(new Business())));
    }
    expect(breaker.state).toBe("closed");
  });

  test("hears of streams, which are made without it", async () => {
    const { breaker } = open(2);
    breaker.report(new Absent());
    breaker.report(new Left());
    breaker.report(new Absent());
    await vi.waitFor(() => expect(breaker.state).toBe("open"));
    vi.advanceTimersByTime(1_000);
    breaker.report();
    await vi.waitFor(() => expect(breaker.state).toBe("closed"));
  });
});
