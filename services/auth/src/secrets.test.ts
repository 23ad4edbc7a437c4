import { expect, test } from "vitest";
import { hashSecret, isSecret, newSecret, shownPrefixLength } from "./secrets.ts";

test("a secret has 256 random bits behind a prefix that tells what it is", () => {
  const secret = newSecret("ocelli_ak_");
  expect(Buffer.from(secret.slice("ocelli_ak_".length), "base64url")).toHaveLength(32);
  expect(newSecret("ocelli_ak_")).not.toBe(secret);
  expect(isSecret("ocelli_ak_", secret)).toBe(true);
  expect(hashSecret(secret)).toHaveLength(32);
  // What is shown leaves 208 bits unknown.
  expect(shownPrefixLength).toBe(18);
});

test.each([
  "",
  "ocelli_ak_",
  `ocelli_sa_${"A".repeat(43)}`,
  `OCELLI_AK_${"A".repeat(43)}`,
  `ocelli_ak_${"A".repeat(42)}`,
  `ocelli_ak_${"A".repeat(44)}`,
  `ocelli_ak_${"A".repeat(42)}+`,
  `ocelli_ak_${"A".repeat(42)}\n`,
  `ocelli_ak_${"A".repeat(42)}\u0000`,
  ` ocelli_ak_${"A".repeat(42)}`,
])("%j is no API key", (text) => {
  expect(isSecret("ocelli_ak_", text)).toBe(false);
});
