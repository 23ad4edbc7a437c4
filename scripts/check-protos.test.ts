import { expect, test } from "vitest";
import { checkBreaking, checkGenerated, checkLint } from "./check-protos.ts";

test("the contracts pass buf lint", () => {
  expect(checkLint().problems).toEqual([]);
});

test("the generated code is what the contracts generate", () => {
  expect(checkGenerated().problems).toEqual([]);
});

test("the contracts break no client of the commit before", (context) => {
  const { problems, skipped } = checkBreaking();
  if (skipped) context.skip(skipped);
  expect(problems).toEqual([]);
});
