import { expect, test } from "vitest";
import { AppError } from "../errors/app-error.ts";
import { createAdmission, type LoadClass, loadClasses } from "./admission.ts";

function admitted(admission: ReturnType<typeof createAdmission>): LoadClass[] {
  return loadClasses.filter((name) => {
    try {
      admission.enter(name)();
      return true;
    } catch (error) {
      expect(AppError.from(error)).toMatchObject({ reason: "OVERLOADED", retryAfterMs: 2_000 });
      return false;
    }
  });
}

test.each([
  [0, 5],
  [39, 5],
  [40, 4],
  [60, 3],
  [75, 2],
  [90, 1],
  [100, 0],
])("with %d of 100 places taken, the %d most important classes are let in", (taken, classes) => {
  const admission = createAdmission({ limit: 100, maxDelayMs: 1_000, delay: { standingMs: 0 } });
  for (let place = 0; place < taken; place += 1) admission.enter("critical");
  expect(admitted(admission)).toEqual(loadClasses.slice(0, classes));
});

test.each([
  [1_000, 5],
  [1_001, 4],
  [2_001, 3],
  [3_001, 2],
  [4_001, 1],
  [60_000, 1],
])("when work waits for %d ms, the %d most important classes are let in", (standingMs, classes) => {
  const admission = createAdmission({ limit: 100, maxDelayMs: 1_000, delay: { standingMs } });
  expect(admitted(admission)).toEqual(loadClasses.slice(0, classes));
});

test("a place comes back once, and refusals are counted", () => {
  const refused: string[] = [];
  const admission = createAdmission({
    limit: 1,
    maxDelayMs: 1_000,
    delay: { standingMs: 0 },
    onRefused: (reason) => refused.push(reason),
  });
  const leave = admission.enter("critical");
  expect(() => admission.enter("critical")).toThrow("too much");
  leave();
  leave();
  expect(admission.inHand).toBe(0);
  admission.enter("critical");
  expect(() => admission.enter("critical")).toThrow("too much");
  expect(refused).toEqual(["OVERLOADED", "OVERLOADED"]);
});

test("a class whose work takes too long is held to its own limit, others are not", () => {
  const standing = { hasRoom: false, limit: 0, begin: () => () => undefined };
  const options = { limit: 100, maxDelayMs: 1_000, delay: { standingMs: 0 } };
  const admission = createAdmission({ ...options, standing: { interactive: standing } });
  expect(admitted(admission)).toEqual(["critical", "upload", "heavy", "background"]);
});
