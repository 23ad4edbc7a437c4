import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { accessByPath } from "../packages/contracts/src/index.ts";
import { withAccessTable } from "./access-table.ts";

const text = readFileSync(new URL("../docs/access.md", import.meta.url), "utf8");

test("the table of scopes is what the code enforces", () => {
  expect(text, "run `npm run docs:config`").toBe(withAccessTable(text));
});

test("no method is left out of it", () => {
  const table = withAccessTable(text);
  const missing = [...accessByPath.keys()].filter((path) => {
    const method = path.slice(path.lastIndexOf("/") + 1);
    return !new RegExp(`\\b${method}\\b`).test(table);
  });
  expect(missing).toEqual([]);
});
