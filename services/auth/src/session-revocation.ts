import type { Transaction } from "kysely";
import { revokeGrants } from "./revocation.ts";
import { markRevoked } from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

/** Why a session ended before its time. */
export type RevokeReason =
  | "logout"
  | "reuse"
  | "revoked"
  | "too-many"
  | "password-changed"
  | "password-reset"
  | "two-factor-changed"
  | "identity-unlinked"
  | "role-changed"
  | "account-disabled"
  | "account-deleted";

/**
 * Ends open sessions of a user within a transaction, and their access tokens everywhere; returns which.
 * `ids` selects some, `except` leaves one out.
 */
export async function revokeSessions(
  trx: Transaction<AuthTables>,
  request: {
    userId: string;
    reason: RevokeReason;
    at: Date;
    ids?: readonly string[];
    except?: string | undefined;
  },
): Promise<string[]> {
  const { userId, at } = request;
  const ids = await markRevoked(trx, request, request);
  await revokeGrants(
    trx,
    ids.map((id) => ({ kind: "session", id, userId })),
    at,
  );
  return ids;
}
