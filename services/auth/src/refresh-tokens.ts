import { createHash, randomBytes } from "node:crypto";
import { deriveKey, open, seal } from "./sealing.ts";

// The prefix lets secret scanners recognise a leaked token.
const prefix = "ocelli_rt_";
const pattern = /^ocelli_rt_[A-Za-z0-9_-]{43}$/;
const purpose = "ocelli refresh token successor";

/** A new refresh token: 256 random bits. */
export function newRefreshToken(): string {
  return prefix + randomBytes(32).toString("base64url");
}

/** True for text that could be a refresh token; anything else needs no look-up. */
export function isRefreshToken(text: string): boolean {
  return pattern.test(text);
}

/** The form in which a token is stored. 256 random bits need no salt and no slow hash. */
export function hashRefreshToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
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
