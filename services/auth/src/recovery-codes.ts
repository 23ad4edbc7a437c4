import { createHash, randomBytes } from "node:crypto";

/** How many recovery codes an account gets. */
export const recoveryCodeCount = 10;

// Crockford's Base32: no I, L, O or U, so that nothing is read for something else.
const alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const groups = 4;
const groupLength = 4;
const pattern = new RegExp(`^[${alphabet}]{${groups * groupLength}}$`);

/** Makes codes of 80 random bits each, e.g. `4K7Q-9TZD-2M0X-HB3N`. */
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

/** SHA-256 of a normalised code: with 80 random bits behind it, it needs neither salt nor stretching. */
export function hashRecoveryCode(normalized: string): Buffer {
  return createHash("sha256").update(normalized).digest();
}
