import { createHash, randomBytes } from "node:crypto";
import type { Transaction } from "kysely";
import { type ActionPurpose, insertActionToken } from "./store/action-tokens.ts";
import type { AuthTables } from "./store/tables.ts";

// The prefix lets secret scanners recognise a leaked token.
const prefix = "ocelli_at_";
const pattern = /^ocelli_at_[A-Za-z0-9_-]{43}$/;
/**
 * Links of one kind that work at once. A newer request must not make the link useless that is on its way already:
 * a stranger who keeps asking for resets could otherwise keep the owner from ever using one.
 */
const maxLive = 3;

/** Who a link is sent to. */
export interface LinkRecipient {
  userId: string;
  email: string;
  emailCanonical: string;
}

/** True for text that could be the token of a link; anything else needs no look-up. */
export function isActionToken(text: string): boolean {
  return pattern.test(text);
}

/** The form in which a token is stored. 256 random bits need no salt and no slow hash. */
export function hashActionToken(token: string): Buffer {
  return createHash("sha256").update(token).digest();
}

/** Makes the token of a link: 256 random bits, bound to the user, the purpose and the address it is sent to. */
export async function issueActionToken(
  trx: Transaction<AuthTables>,
  link: LinkRecipient & { purpose: ActionPurpose; at: Date; lifetimeMs: number },
): Promise<string> {
  const token = prefix + randomBytes(32).toString("base64url");
  const { userId, email, emailCanonical, purpose, at } = link;
  const expiresAt = new Date(at.getTime() + link.lifetimeMs);
  const tokenHash = hashActionToken(token);
  await insertActionToken(
    trx,
    { tokenHash, userId, purpose, email, emailCanonical, createdAt: at, expiresAt },
    maxLive - 1,
  );
  return token;
}
