import type { Kysely } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A login through the provider that began. */
export interface PendingOidcLogin {
  /** SHA-256 of the state. */
  stateHash: Buffer;
  /** SHA-256 of the browser's secret. */
  browserHash: Buffer;
  /** PKCE verifier, encrypted with a key derived from the state. */
  codeVerifier: Buffer;
  nonce: string;
  returnTo: string;
  /** Account to link; null for a login. */
  userId: string | null;
  /** Session that asked for the link. */
  sessionId: string | null;
  expiresAt: Date;
}

/** Keeps a login that began; those that nobody ended in time are forgotten. */
export async function insertOidcLogin(
  db: Kysely<AuthTables>,
  login: PendingOidcLogin,
  at: Date,
): Promise<void> {
  await db.deleteFrom("oidc_logins").where("expires_at", "<=", at).execute();
  await db
    .insertInto("oidc_logins")
    .values({
      state_hash: login.stateHash,
      browser_hash: login.browserHash,
      code_verifier: login.codeVerifier,
      nonce: login.nonce,
      return_to: login.returnTo,
      user_id: login.userId,
      session_id: login.sessionId,
      expires_at: login.expiresAt,
    })
    .execute();
}

/** Takes a login that began: of any number of callers, one gets it. */
export async function takeOidcLogin(
  db: Kysely<AuthTables>,
  stateHash: Buffer,
): Promise<PendingOidcLogin | undefined> {
  return db
    .deleteFrom("oidc_logins")
    .where("state_hash", "=", stateHash)
    .returning([
      "state_hash as stateHash",
      "browser_hash as browserHash",
      "code_verifier as codeVerifier",
      "nonce",
      "return_to as returnTo",
      "user_id as userId",
      "session_id as sessionId",
      "expires_at as expiresAt",
    ])
    .executeTakeFirst();
}
