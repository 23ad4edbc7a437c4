import { AppError } from "@ocelli/chassis";
import { describe, expect, test } from "vitest";
import { codePoints, createPasswords } from "./passwords.ts";

const cheapest = { memoryBytes: 19 * 1024 ** 2, passes: 2, concurrency: 1, queue: 2 };

describe("passwords", () => {
  test("are stored as Argon2id with the cost of the settings and a salt of their own", async () => {
    const passwords = await createPasswords(cheapest);
    const [one, other] = [await passwords.hash("correct horse"), await passwords.hash("correct horse")];
    expect(one).toMatch(/^\$argon2id\$v=19\$m=19456,t=2,p=1\$/);
    expect(one).not.toBe(other);
    expect(await passwords.matches("correct horse", one)).toBe(true);
    expect(await passwords.matches("correct horses", one)).toBe(false);
  });

  test("hashes made at another cost still match", async () => {
    const before = await createPasswords(cheapest);
    const after = await createPasswords({ ...cheapest, passes: 3 });
    expect(await after.matches("correct horse", await before.hash("correct horse"))).toBe(true);
  });

  test("nobody has a password, not even an empty or overlong one", async () => {
    const passwords = await createPasswords(cheapest);
    for (const attempt of ["", "x".repeat(129), "correct horse"]) {
      expect(await passwords.matches(attempt, undefined)).toBe(false);
    }
    expect(await passwords.matches("x".repeat(129), await passwords.hash(""))).toBe(false);
  });

  test("beyond the queue are refused at once, and the places come back", async () => {
    const passwords = await createPasswords(cheapest);
    const outcomes = await Promise.allSettled(
      Array.from({ length: 5 }, () => passwords.hash("correct horse")),
    );
    expect(outcomes.map((outcome) => outcome.status)).toEqual([
      "fulfilled",
      "fulfilled",
      "fulfilled",
      "rejected",
      "rejected",
    ]);
    const refusals = outcomes.flatMap((outcome) => (outcome.status === "rejected" ? [outcome.reason] : []));
    expect(refusals[0]).toBeInstanceOf(AppError);
    expect(refusals[0]).toMatchObject({ reason: "TOO_MANY_LOGINS", retryAfterMs: 2000 });
    expect(await passwords.hash("correct horse")).toBeTruthy();
  });

  test("of a caller who went away cost no hash and keep no place", async () => {
    const passwords = await createPasswords(cheapest);
    const gone = AbortSignal.abort();
    for (let attempt = 0; attempt < 5; attempt += 1) {
      await expect(passwords.hash("correct horse", gone)).rejects.toThrow("aborted");
    }
    expect(await passwords.hash("correct horse")).toBeTruthy();
  });
});

test("length is counted in code points", () => {
  expect(codePoints("😀".repeat(8))).toBe(8);
  expect(codePoints("😀".repeat(128))).toBe(128);
  expect(codePoints("x".repeat(1_000_000))).toBe(1_000_000);
});
