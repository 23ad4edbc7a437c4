import { createHash, randomBytes } from "node:crypto";

/** How many recovery codes an account gets. */
export const recoveryCodeCount = 10;

// Crockford's Base32: no I, L, O or U, so that nothing is read for something else.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
// 120 bits: from 112 on a plain hash may keep them (OWASP ASVS 5.0, 6.5.2).
const groups = 6;
const groupLength = 4;
const pattern = new RegExp(`^[${alphabet}]{${groups * groupLength}}$`);

/** Makes codes of 120 random bits each, e.g. `4K7Q-9TZD-2M0X-HB3N-V8WC-6PFE`. */
export function newRecoveryCodes(): string[] {
  return Array.from({ length: recoveryCodeCount }, () => {
    // 256 is a multiple of 32: every character is equally likely.
    const characters = Array.from(randomBytes(groups * groupLength), (byte) => alphabet[byte % 32]).join("");
    return Array.from({ length: groups }, (_, index) =>
      characters.slice(index * groupLength, (index + 1) * groupLength),
    ).join("-");
  });
}

/** The form of a code that its hash is made of, however it was typed; undefined for what cannot be one. */
export function normalizeRecoveryCode(text: string): string | undefined {
  const typed = text.replace(/[\s-]/g, "").toUpperCase().replaceAll("O", "0").replace(/[IL]/g, "1");
  return pattern.test(typed) ? typed : undefined;
}

/** SHA-256 of a normalised code: with 120 random bits behind it, it needs neither salt nor stretching. */
export function hashRecoveryCode(normalized: string): Buffer {
  return createHash("sha256").update(normalized).digest();
}
