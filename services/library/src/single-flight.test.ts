import { currentScope, inScope } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { createSingleFlight } from "./single-flight.ts";

test("concurrent calls of a key share one piece of work, failures included; later calls work anew", async () => {
  const flight = createSingleFlight<number>();
  let runs = 0;
  const work = async () => {
    runs += 1;
    if (runs === 2) throw new Error("broken");
    return runs;
  };
  const [first, second, other] = await Promise.allSettled([
    flight.run("a", work),
    flight.run("a", work),
    flight.run("b", work),
  ]);
  expect(first).toMatchObject({ value: { value: 1, joined: false } });
  expect(second).toMatchObject({ value: { value: 1, joined: true } });
  expect(other).toMatchObject({ status: "rejected" });
  expect(await flight.run("b", work)).toEqual({ value: 3, joined: false });
});

test("the work belongs to no call, so that none that shares it ends it for the others", async () => {
  const flight = createSingleFlight<boolean>();
  const scope = { deadlineAt: performance.now() + 1_000, signal: new AbortController().signal };
  const run = () => flight.run("a", async () => currentScope() !== undefined);
  expect(await inScope(scope, run)).toEqual({ value: false, joined: false });
});
