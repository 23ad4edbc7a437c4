import { AppError, ConfigError, notFound } from "@ocelli/chassis";
import { expect, test } from "vitest";
import { explain } from "./explain.ts";
import { StartupError } from "./startup-error.ts";

test.each<[string, unknown, string | RegExp]>([
  ["its own errors as they are", new StartupError("start it elsewhere"), "start it elsewhere"],
  ["every bad setting", new ConfigError(["A is bad", "B is bad"]), /A is bad; B is bad .*configuration/],
  ["a failed call with its reason", notFound("GONE", "It is gone."), "It is gone. (GONE)"],
  ["any other error", new Error("disk full"), "disk full"],
  ["what is no error", "text", "text"],
  ["nothing", undefined, "undefined"],
])("%s", (_, error, text) => {
  expect(explain(error)).toMatch(text);
  expect(explain(error)).not.toContain("\n");
});

test("the stack never shows", () => {
  expect(explain(AppError.from(new Error("hunter2")))).toBe("Something went wrong on our side. (INTERNAL)");
});
