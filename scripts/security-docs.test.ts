import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { brokenLinks, claimsIn, faultOf, faultOfClaim, proofsIn, securityDocs } from "./security-docs.ts";

const text = readFileSync(securityDocs, "utf8");

/** Requirements of Level 1 and 2 in OWASP ASVS 5.0.0, chapters 1 to 16: for each section the number of the last one. */
const sections: Readonly<Record<string, number>> = {
  "1.1": 2,
  "1.2": 9,
  "1.3": 11,
  "1.4": 3,
  "1.5": 2,
  "2.1": 3,
  "2.2": 3,
  "2.3": 4,
  "2.4": 1,
  "3.2": 2,
  "3.3": 4,
  "3.4": 6,
  "3.5": 5,
  "3.7": 2,
  "4.1": 3,
  "4.2": 1,
  "4.3": 2,
  "4.4": 4,
  "5.1": 1,
  "5.2": 3,
  "5.3": 2,
  "5.4": 3,
  "6.1": 3,
  "6.2": 12,
  "6.3": 4,
  "6.4": 4,
  "6.5": 5,
  "6.6": 3,
  "6.8": 4,
  "7.1": 3,
  "7.2": 4,
  "7.3": 2,
  "7.4": 5,
  "7.5": 2,
  "7.6": 2,
  "8.1": 2,
  "8.2": 3,
  "8.3": 1,
  "8.4": 1,
  "9.1": 3,
  "9.2": 4,
  "10.1": 2,
  "10.2": 2,
  "10.3": 4,
  "10.4": 11,
  "10.5": 5,
  "10.6": 2,
  "10.7": 3,
  "11.1": 2,
  "11.2": 3,
  "11.3": 3,
  "11.4": 4,
  "11.5": 1,
  "11.6": 1,
  "12.1": 3,
  "12.2": 2,
  "12.3": 4,
  "13.1": 1,
  "13.2": 5,
  "13.3": 2,
  "13.4": 5,
  "14.1": 2,
  "14.2": 4,
  "14.3": 3,
  "15.1": 3,
  "15.2": 3,
  "15.3": 7,
  "16.1": 1,
  "16.2": 5,
  "16.3": 4,
  "16.4": 3,
  "16.5": 3,
};

const byNumber = (one: string, other: string) => one.localeCompare(other, "en", { numeric: true });

test("every proof that docs/security.md names is a test", () => {
  const proofs = proofsIn(text);
  expect(proofs.length).toBeGreaterThan(200);
  expect(proofs.map(faultOf).filter((fault) => fault !== undefined)).toEqual([]);
});

test("every claim of docs/security.md has a proof, or says that it is none", () => {
  const claims = claimsIn(text);
  expect(claims.length).toBeGreaterThan(200);
  expect(claims.map(faultOfClaim).filter((fault) => fault !== undefined)).toEqual([]);
});

test("every requirement of OWASP ASVS 5.0, Level 1 and 2, is answered once", () => {
  const wanted = Object.entries(sections).flatMap(([section, last]) =>
    Array.from({ length: last }, (_, index) => `${section}.${index + 1}`),
  );
  const answered = claimsIn(text)
    .flatMap(({ name }) => name.split(", "))
    .filter((name) => /^\d+\.\d+\.\d+$/.test(name));
  expect(answered.toSorted(byNumber)).toEqual(wanted.toSorted(byNumber));
});

test.each(["security.md", "access.md", "architecture.md", "../README.md"])(
  "the links of %s lead somewhere",
  (file) => {
    expect(brokenLinks(join(dirname(securityDocs), file))).toEqual([]);
  },
);

test("a proof that is gone, a claim without one and a broken link are found", () => {
  expect(faultOf({ file: "auth/test/sessions", title: "nobody wrote this" })).toContain("has no test");
  expect(faultOf({ file: "scripts/nowhere", title: "x" })).toContain("is not there");
  const claims = claimsIn(
    "| id | state | proof |\n| --- | --- | --- |\n| a | met | |\n| b | good | |\n| c | n/a | |\n",
  );
  expect(claims.map(faultOfClaim)).toEqual(["a has no proof", "b: good is no state", undefined]);
});
