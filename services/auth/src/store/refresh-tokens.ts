import type { Kysely, Transaction } from "kysely";
import type { AuthTables } from "./tables.ts";

/** A refresh token to store. */
export interface NewRefreshToken {
  tokenHash: Buffer;
  sessionId: string;
  issuedAt: Date;
  expiresAt: Date;
}

/** A refresh token as stored. */
export interface StoredRefreshToken {
  expiresAt: Date;
  usedAt: Date | null;
  successorSealed: Buffer | null;
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

/** The session a refresh token belongs to. */
export async function findSessionOfToken(
  db: Kysely<AuthTables>,
  tokenHash: Buffer,
): Promise<string | undefined> {
  const row = await db
    .selectFrom("refresh_tokens")
    .select("session_id as sessionId")
    .where("token_hash", "=", tokenHash)
    .executeTakeFirst();
  return row?.sessionId;
}

/** A refresh token. Its session must be locked: of parallel callers one goes on, the others wait for its outcome. */
export async function findRefreshToken(
  trx: Transaction<AuthTables>,
  tokenHash: Buffer,
): Promise<StoredRefreshToken | undefined> {
  return trx
    .selectFrom("refresh_tokens")
    .select(["expires_at as expiresAt", "used_at as usedAt", "successor_sealed as successorSealed"])
    .where("token_hash", "=", tokenHash)
    .executeTakeFirst();
}

/** Marks a refresh token as used and keeps its sealed successor. */
export async function markUsed(
  trx: Transaction<AuthTables>,
  token: { tokenHash: Buffer; usedAt: Date; successorSealed: Buffer },
): Promise<void> {
  await trx
    .updateTable("refresh_tokens")
    .set({ used_at: token.usedAt, successor_sealed: token.successorSealed })
    .where("token_hash", "=", token.tokenHash)
    .execute();
}
