import { deriveKey, open, seal } from "./sealing.ts";
import { hashSecret, isSecret, newSecret } from "./secrets.ts";

const kind = "ocelli_rt_";
const purpose = "ocelli refresh token successor";

/** A new refresh token: 256 random bits. */
export function newRefreshToken(): string {
  return newSecret(kind);
}

/** True for text that could be a refresh token; anything else needs no look-up. */
export function isRefreshToken(text: string): boolean {
  return isSecret(kind, text);
}

/** The form in which a token is stored. */
export function hashRefreshToken(token: string): Buffer {
  return hashSecret(token);
}

/**
 * Encrypts the successor of a token with a key derived from that token. The store knows neither, so that the
 * successor can be given again to who still holds the token, and to nobody else, not even a reader of the store.
 */
export function sealSuccessor(token: string, successor: string): Buffer {
  return seal(deriveKey(token, purpose), successor, purpose);
}

/** Reads the successor back. */
export function openSuccessor(token: string, sealed: Buffer): string {
  return open(deriveKey(token, purpose), sealed, purpose);
}
