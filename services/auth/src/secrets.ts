import { createHash, randomBytes } from "node:crypto";

/** First characters of a secret, by which its owner recognises it. */
export const shownPrefixLength = 18;

/** What a secret is for, as its prefix tells: secret scanners recognise a leaked one by it. */
export type SecretKind = "ocelli_ak_" | "ocelli_sa_" | "ocelli_rt_";

/** A new secret: a prefix and 256 random bits. */
export function newSecret(kind: SecretKind): string {
  return kind + randomBytes(32).toString("base64url");
}

/** True for text that could be a secret of this kind; anything else needs no look-up. */
export function isSecret(kind: SecretKind, text: string): boolean {
  return text.length === kind.length + 43 && text.startsWith(kind) && /^[A-Za-z0-9_-]+$/.test(text);
}

/** The form in which a secret is stored. 256 random bits need no salt and no slow hash. */
export function hashSecret(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
