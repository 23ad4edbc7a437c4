import { expect, test } from "vitest";
import { attemptRate } from "./account-settings.ts";

test.each([
  ["200/15m", { max: 200, windowMs: 900_000 }],
  ["5 / 1h", { max: 5, windowMs: 3_600_000 }],
  ["1/1s", { max: 1, windowMs: 1000 }],
  ["OFF", { max: Number.POSITIVE_INFINITY, windowMs: 0 }],
])("%s is a limit", (text, rate) => {
  expect(attemptRate.parse(text)).toEqual(rate);
});

test.each(["", "5", "0/1h", "-1/1h", "5/0s", "5/2d", "5/1h/1h", "1.5/1h", "99999999/1h", "on", "5/h", "/1h"])(
  "%j is none",
  (text) => {
    expect(attemptRate.safeParse(text).success).toBe(false);
  },
);
