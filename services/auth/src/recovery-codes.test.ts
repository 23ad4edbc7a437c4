import { expect, test } from "vitest";
import {
  hashRecoveryCode,
  newRecoveryCodes,
  normalizeRecoveryCode,
  recoveryCodeCount,
} from "./recovery-codes.ts";

test("there are ten, each with 80 bits in four groups, none twice", () => {
  const codes = Array.from({ length: 20 }, newRecoveryCodes).flat();
  expect(codes).toHaveLength(20 * recoveryCodeCount);
  for (const code of codes) expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){3}[0-9A-HJKMNP-TV-Z]{4}$/);
  expect(new Set(codes).size).toBe(codes.length);
  // Every character of the alphabet turns up where they are drawn evenly.
  expect(new Set(codes.join("").replaceAll("-", "")).size).toBe(32);
});

test.each([
  "0123-4567-89AB-CDEF",
  "0123456789abcdef",
  " 0123 4567 89ab cdef\n",
  "OI23-4567-89AB-CDEF",
  "ol23-4567-89AB-CDEF",
])("reads %j as the same code", (typed) => {
  expect(normalizeRecoveryCode(typed)).toBe("0123456789ABCDEF");
});

test.each([
  "",
  "123456",
  "0123-4567-89AB-CDE",
  "0123-4567-89AB-CDEFG",
  "0123-4567-89AB-CDEU",
  "0123-4567-89AB-CDÉF",
  "０123456789ABCDEF",
])("reads %j as no code", (typed) => {
  expect(normalizeRecoveryCode(typed)).toBeUndefined();
});

test("hashes are SHA-256 and tell codes apart", () => {
  expect(hashRecoveryCode("0123456789ABCDEF")).toHaveLength(32);
  expect(hashRecoveryCode("0123456789ABCDEF")).not.toEqual(hashRecoveryCode("0123456789ABCDEG"));
});
