import { type Identity, permissionDenied, unauthenticated } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { findSessionOpenedAt } from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";

/** A user by the session he logged in to. */
export interface SessionUser {
  userId: string;
  sessionId: string;
}

const recentMs = 10 * 60_000;

/**
 * The user whose session calls.
 * @throws AppError UNAUTHENTICATED/UNAUTHENTICATED; PERMISSION_DENIED/SESSION_REQUIRED for API keys and services.
 */
export function requireSession(identity: Identity): SessionUser {
  if (identity.kind === "anonymous") throw unauthenticated("UNAUTHENTICATED", "An access token is required.");
  if (identity.kind === "user" && identity.grant.kind === "session") {
    return { userId: identity.userId, sessionId: identity.grant.id };
  }
  throw permissionDenied(
    "SESSION_REQUIRED",
    "This needs a login; API keys and service accounts are refused.",
  );
}

/**
 * Stands in for the password where there is none to ask for: a session opened less than 10 minutes ago. A token that
 * somebody stole later does not suffice.
 * @throws AppError PERMISSION_DENIED/RECENT_LOGIN_REQUIRED.
 */
export async function requireRecentLogin(
  db: Kysely<AuthTables>,
  { userId, sessionId }: SessionUser,
  at: Date,
): Promise<void> {
  const openedAt = await findSessionOpenedAt(db, { id: sessionId, userId });
  if (openedAt && at.getTime() - openedAt.getTime() < recentMs) return;
  throw permissionDenied("RECENT_LOGIN_REQUIRED", "Log in again, then do this within 10 minutes.");
}
