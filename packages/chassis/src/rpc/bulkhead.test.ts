import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { AppError } from "../errors/app-error.ts";
import { createBulkhead } from "./bulkhead.ts";

const never = new AbortController().signal;
const outcome = (entry: Promise<() => void>) =>
  entry.then(
    () => "in",
    (error) => (error instanceof AppError ? error.reason : error.name),
  );

beforeEach(() => vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] }));
afterEach(() => vi.useRealTimers());

test("lets in what fits, lets some wait in their order, refuses the rest at once", async () => {
  const bulkhead = createBulkhead("scene", { limit: 2, queue: 2, maxWaitMs: 1_000 });
  const leave = [await bulkhead.enter(never), await bulkhead.enter(never)];
  const order: string[] = [];
  const enterAs = async (name: string) => {
    const done = await bulkhead.enter(never);
    order.push(name);
    return done;
  };
  const first = enterAs("first");
  const second = enterAs("second");
  expect(await outcome(bulkhead.enter(never))).toBe("UPSTREAM_BUSY");
  for (const done of [...leave, ...leave]) done();
  (await first)();
  (await second)();
  expect(order).toEqual(["first", "second"]);
  expect([bulkhead.inHand, bulkhead.waiting]).toEqual([0, 0]);
});

test("nobody waits longer than allowed", async () => {
  const bulkhead = createBulkhead("scene", { limit: 1, queue: 5, maxWaitMs: 300 });
  await bulkhead.enter(never);
  const waiting = outcome(bulkhead.enter(never));
  vi.advanceTimersByTime(299);
  expect(bulkhead.waiting).toBe(1);
  vi.advanceTimersByTime(1);
  expect(await waiting).toBe("UPSTREAM_BUSY");
  expect(bulkhead.waiting).toBe(0);
});

test("whoever leaves the queue makes room for another at once", async () => {
  const bulkhead = createBulkhead("scene", { limit: 1, queue: 1, maxWaitMs: 1_000 });
  const leave = await bulkhead.enter(never);
  const impatient = new AbortController();
  const gone = outcome(bulkhead.enter(impatient.signal));
  impatient.abort();
  expect(await gone).toBe("AbortError");
  const next = outcome(bulkhead.enter(never));
  leave();
  expect(await next).toBe("in");
});
