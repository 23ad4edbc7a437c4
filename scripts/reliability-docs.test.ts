import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { brokenLinks, claimsIn, faultOf, faultOfClaim, proofsIn, securityDocs } from "./security-docs.ts";

const folder = dirname(securityDocs);
const text = readFileSync(join(folder, "reliability.md"), "utf8");

test("every promise of docs/reliability.md has a proof that is a test", () => {
  expect(claimsIn(text).length).toBeGreaterThan(10);
  expect(
    claimsIn(text)
      .map(faultOfClaim)
      .filter((fault) => fault !== undefined),
  ).toEqual([]);
  expect(
    proofsIn(text)
      .map(faultOf)
      .filter((fault) => fault !== undefined),
  ).toEqual([]);
});

test.each(["reliability.md", "library.md", "performance.md"])("the links of %s lead somewhere", (file) => {
  expect(brokenLinks(join(folder, file))).toEqual([]);
});
