import { expect, test } from "vitest";
import {
  hashRecoveryCode,
  newRecoveryCodes,
  normalizeRecoveryCode,
  recoveryCodeCount,
} from "./recovery-codes.ts";

test("there are ten, each with 120 bits in six groups, none twice", () => {
  const codes = Array.from({ length: 20 }, newRecoveryCodes).flat();
  expect(codes).toHaveLength(20 * recoveryCodeCount);
  for (const code of codes) expect(code).toMatch(/^(?:[0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}$/);
  expect(new Set(codes).size).toBe(codes.length);
  // Every character of the alphabet turns up where they are drawn evenly.
  expect(new Set(codes.join("").replaceAll("-", "")).size).toBe(32);
});

test.each([
  "0123-4567-89AB-CDEF-GHJK-MNPQ",
  "0123456789abcdefghjkmnpq",
  " 0123 4567 89ab cdef ghjk mnpq\n",
  "OI23-4567-89AB-CDEF-GHJK-MNPQ",
  "ol23-4567-89AB-CDEF-GHJK-MNPQ",
])("reads %j as the same code", (typed) => {
  expect(normalizeRecoveryCode(typed)).toBe("0123456789ABCDEFGHJKMNPQ");
});

test.each([
  "",
  "123456",
  "0123-4567-89AB-CDEF-GHJK-MNP",
  "0123-4567-89AB-CDEF-GHJK-MNPQR",
  "0123-4567-89AB-CDEF-GHJK-MNPU",
  "0123-4567-89AB-CDEF-GHJK-MNÉQ",
  "０123456789ABCDEFGHJKMNPQ",
])("reads %j as no code", (typed) => {
  expect(normalizeRecoveryCode(typed)).toBeUndefined();
});

test("hashes are SHA-256 and tell codes apart", () => {
  expect(hashRecoveryCode("0123456789ABCDEF")).toHaveLength(32);
  expect(hashRecoveryCode("0123456789ABCDEF")).not.toEqual(hashRecoveryCode("0123456789ABCDEG"));
});
