import { Secret } from "otpauth";
import { describe, expect, test } from "vitest";
import { isTotpCode, newTotpSecret, stepOf, totpUri } from "./totp.ts";

// RFC 6238 appendix B: the secret for SHA-1, and the last six of its eight digits.
const secret = new Secret({ buffer: new TextEncoder().encode("12345678901234567890").buffer }).base32;
const vectors: Array<[seconds: number, code: string, step: number]> = [
  [59, "287082", 0x1],
  [1_111_111_109, "081804", 0x23523ec],
  [1_111_111_111, "050471", 0x23523ed],
  [1_234_567_890, "005924", 0x273ef07],
  [2_000_000_000, "279037", 0x3f940aa],
  [20_000_000_000, "353130", 0x27bc86aa],
];

describe("codes", () => {
  test.each(vectors)("RFC 6238: at %i s the code is %s", (seconds, code, step) => {
    expect(stepOf(secret, code, new Date(seconds * 1000))).toBe(step);
  });

  test("are taken one step early and one step late, and no more", () => {
    const at = 1_234_567_890;
    const offsets = [-60, -30, 0, 30, 60].map((offset) =>
      stepOf(secret, "005924", new Date((at + offset) * 1000)),
    );
    expect(offsets).toEqual([undefined, 0x273ef07, 0x273ef07, 0x273ef07, undefined]);
  });

  test.each(["", "5924", "0005924", "00592a", "٠٠٥٩٢٤", "005924\n", " 005924", "+05924"])(
    "refuses %j",
    (text) => {
      expect(isTotpCode(text)).toBe(false);
      expect(stepOf(secret, text, new Date(1_234_567_890_000))).toBeUndefined();
    },
  );
});

test("secrets have 160 bits, each its own", () => {
  const secrets = Array.from({ length: 50 }, newTotpSecret);
  for (const each of secrets) expect(Secret.fromBase32(each).bytes).toHaveLength(20);
  expect(new Set(secrets).size).toBe(50);
});

test("the address for the QR code says all that an app needs", () => {
  const uri = new URL(totpUri(secret, "Zoë+1@example.org"));
  expect(uri.protocol).toBe("otpauth:");
  expect(uri.host).toBe("totp");
  expect(decodeURIComponent(uri.pathname)).toBe("/Ocelli:Zoë+1@example.org");
  expect(Object.fromEntries(uri.searchParams)).toEqual({
    issuer: "Ocelli",
    secret,
    algorithm: "SHA1",
    digits: "6",
    period: "30",
  });
});
