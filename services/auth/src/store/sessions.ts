import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A session that opens. */
export interface NewSession {
  id: string;
  userId: string;
  createdAt: Date;
  /** Absolute end. */
  expiresAt: Date;
}

/** A refresh token to store. */
export interface NewRefreshToken {
  tokenHash: Buffer;
  sessionId: string;
  issuedAt: Date;
  expiresAt: Date;
}

/** A refresh token with its session, both locked until the transaction ends. */
export interface LockedRefreshToken {
  tokenHash: Buffer;
  expiresAt: Date;
  usedAt: Date | null;
  successorSealed: Buffer | null;
  sessionId: string;
  sessionExpiresAt: Date;
  revokedAt: Date | null;
}

/** Why a session ended before its time. */
export type RevokeReason = "logout" | "reuse";

/** Adds a session; sessions of the same user that are over are forgotten. */
export async function insertSession(trx: Transaction<AuthTables>, session: NewSession): Promise<void> {
  await trx
    .deleteFrom("sessions")
    .where("user_id", "=", session.userId)
    .where("expires_at", "<", session.createdAt)
    .execute();
  await trx
    .insertInto("sessions")
    .values({
      id: session.id,
      user_id: session.userId,
      created_at: session.createdAt,
      last_used_at: session.createdAt,
      expires_at: session.expiresAt,
      revoked_at: null,
      revoked_reason: null,
    })
    .execute();
}

/** Adds a refresh token. */
export async function insertRefreshToken(
  trx: Transaction<AuthTables>,
  token: NewRefreshToken,
): Promise<void> {
  await trx
    .insertInto("refresh_tokens")
    .values({
      token_hash: token.tokenHash,
      session_id: token.sessionId,
      issued_at: token.issuedAt,
      expires_at: token.expiresAt,
      used_at: null,
      successor_sealed: null,
    })
    .execute();
}

/** Finds and locks a refresh token and its session: of parallel callers one goes on, the others wait for its outcome. */
export async function lockRefreshToken(
  trx: Transaction<AuthTables>,
  tokenHash: Buffer,
): Promise<LockedRefreshToken | undefined> {
  return trx
    .selectFrom("refresh_tokens as token")
    .innerJoin("sessions as session", "session.id", "token.session_id")
    .select([
      "token.token_hash as tokenHash",
      "token.expires_at as expiresAt",
      "token.used_at as usedAt",
      "token.successor_sealed as successorSealed",
      "session.id as sessionId",
      "session.expires_at as sessionExpiresAt",
      "session.revoked_at as revokedAt",
    ])
    .where("token.token_hash", "=", tokenHash)
    .forUpdate()
    .executeTakeFirst();
}

/** Marks a refresh token as used and keeps its sealed successor. */
export async function markUsed(
  trx: Transaction<AuthTables>,
  token: { tokenHash: Buffer; sessionId: string; usedAt: Date; successorSealed: Buffer },
): Promise<void> {
  await trx
    .updateTable("refresh_tokens")
    .set({ used_at: token.usedAt, successor_sealed: token.successorSealed })
    .where("token_hash", "=", token.tokenHash)
    .execute();
  await trx
    .updateTable("sessions")
    .set({ last_used_at: token.usedAt })
    .where("id", "=", token.sessionId)
    .execute();
}

/** The user of a session, as needed for an access token. */
export async function findSessionUser(
  db: Kysely<AuthTables>,
  sessionId: string,
): Promise<{ userId: string; sessionId: string; role: "user" | "admin" } | undefined> {
  return db
    .selectFrom("sessions as session")
    .innerJoin("users as user", "user.id", "session.user_id")
    .select(["user.id as userId", "session.id as sessionId", "user.role"])
    .where("session.id", "=", sessionId)
    .executeTakeFirst();
}

/** Ends the session that a refresh token belongs to. Undefined when there is none, or it was ended before. */
export async function revokeSessionOfToken(
  trx: Transaction<AuthTables>,
  tokenHash: Buffer,
  revocation: { at: Date; reason: RevokeReason },
): Promise<{ sessionId: string; userId: string } | undefined> {
  return trx
    .updateTable("sessions")
    .set({ revoked_at: revocation.at, revoked_reason: revocation.reason })
    .where("revoked_at", "is", null)
    .where("id", "in", (query) =>
      query.selectFrom("refresh_tokens").select("session_id").where("token_hash", "=", tokenHash),
    )
    .returning(["id as sessionId", "user_id as userId"])
    .executeTakeFirst();
}
