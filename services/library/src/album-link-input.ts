import { createHash, randomBytes } from "node:crypto";
import { type FieldViolation, invalidArgument } from "@ocelli/chassis";

/** What a secret is for, as its prefix tells: secret scanners recognise a leaked one by it. */
type SecretKind = "ocelli_pl_" | "ocelli_lv_";

const secretLength = 43;
const minPasswordLength = 4;
const maxPasswordLength = 128;

/** A new secret of a link (`ocelli_pl_`) or token of a visit (`ocelli_lv_`): 256 random bits. */
export function newSecret(kind: SecretKind): string {
  return kind + randomBytes(32).toString("base64url");
}

/** The form in which a secret is stored; undefined for what cannot be one. 256 random bits need no slow hash. */
export function hashOf(kind: SecretKind, text: string): Buffer | undefined {
  if (text.length !== kind.length + secretLength || !text.startsWith(kind)) return undefined;
  if (!/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  return createHash("sha256").update(text).digest();
}

/** What an owner asks of a link. */
export interface LinkDraft {
  /** Empty for none. */
  password: string;
  originals: boolean;
  expiresAt: Date | undefined;
}

/** @throws AppError INVALID_ARGUMENT/INVALID_LINK with the fields at fault. */
export function checkLinkDraft({ password, expiresAt }: LinkDraft, now: Date): void {
  const violations: FieldViolation[] = [];
  if (password !== "" && !isPassword(password)) {
    const description = `must have ${minPasswordLength} to ${maxPasswordLength} characters`;
    violations.push({ field: "password", description });
  }
  if (expiresAt && !(expiresAt > now && expiresAt.getTime() < latestExpiry)) {
    violations.push({ field: "expires_at", description: "must be in the future" });
  }
  if (violations.length > 0)
    throw invalidArgument("INVALID_LINK", "The link's details are not valid.", violations);
}

// 10000-01-01: the last moment that timestamps on all sides can say.
const latestExpiry = 253_402_300_800_000;

/** Whether text could be the password of a link; what could not is wrong without computing anything. */
export function isPassword(text: string): boolean {
  if (text.length > 2 * maxPasswordLength || !text.isWellFormed()) return false;
  const { length } = [...text];
  return length >= minPasswordLength && length <= maxPasswordLength;
}
