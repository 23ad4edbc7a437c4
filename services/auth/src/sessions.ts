import { type Relay, unauthenticated, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { AccessTokens, IssuedAccessToken } from "./access-tokens.ts";
import { emitSessionRevoked } from "./events.ts";
import {
  hashRefreshToken,
  isRefreshToken,
  newRefreshToken,
  openSuccessor,
  sealSuccessor,
} from "./refresh-tokens.ts";
import {
  findSessionUser,
  insertRefreshToken,
  insertSession,
  type LockedRefreshToken,
  lockRefreshToken,
  markUsed,
  type RevokeReason,
  revokeSessionOfToken,
} from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

/** An access token with the refresh token that follows it. */
export interface TokenPair extends IssuedAccessToken {
  refreshToken: string;
}

/** Rules of sessions. A session is a family of refresh tokens, of which each gives its successor once. */
export interface Sessions {
  /** Opens a session for a user who has proven who he is. */
  open(userId: string): Promise<TokenPair>;
  /**
   * Gives the successor of a refresh token. A token used within the grace before gives the same successor again;
   * used later, it was stolen from or by somebody, and the session ends.
   * @throws AppError UNAUTHENTICATED/INVALID_REFRESH_TOKEN for every token that gives nothing.
   */
  refresh(refreshToken: string): Promise<TokenPair>;
  /** Ends the session of a refresh token; does nothing for unknown tokens and sessions that are over. */
  close(refreshToken: string): Promise<void>;
}

/** What {@link createSessions} needs. */
export interface SessionsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  accessTokens: AccessTokens;
  now: () => Date;
  newId: () => string;
  /** Durations in milliseconds. */
  limits: { lifetimeMs: number; idleMs: number; graceMs: number };
}

type RotationOutcome = { kind: "rotated"; refreshToken: string; sessionId: string } | { kind: "refused" };

/** Creates the rules. */
export function createSessions(dependencies: SessionsDependencies): Sessions {
  const { db, relay, now, newId, limits } = dependencies;

  return {
    async open(userId) {
      const sessionId = newId();
      const refreshToken = await db.transaction().execute(async (trx) => {
        const createdAt = now();
        const expiresAt = addMs(createdAt, limits.lifetimeMs);
        await insertSession(trx, { id: sessionId, userId, createdAt, expiresAt });
        return issue(trx, { sessionId, sessionExpiresAt: expiresAt });
      });
      return pair(sessionId, refreshToken);
    },

    async refresh(refreshToken) {
      if (!isRefreshToken(refreshToken)) throw invalidRefreshToken();
      // A refusal is returned, not thrown: the revocation it may come with has to be committed.
      const outcome = await withOutbox(db, relay, (trx) => rotate(trx, refreshToken));
      if (outcome.kind === "refused") throw invalidRefreshToken();
      return pair(outcome.sessionId, outcome.refreshToken);
    },

    async close(refreshToken) {
      if (!isRefreshToken(refreshToken)) return;
      await withOutbox(db, relay, (trx) => revoke(trx, hashRefreshToken(refreshToken), "logout"));
    },
  };

  async function rotate(trx: Transaction<AuthTables>, refreshToken: string): Promise<RotationOutcome> {
    const token = await lockRefreshToken(trx, hashRefreshToken(refreshToken));
    // Read after the lock: a caller that waited for another must not see itself before the other's use.
    const at = now();
    if (!token || token.revokedAt || token.sessionExpiresAt <= at) return { kind: "refused" };
    if (token.usedAt && token.successorSealed) {
      if (at.getTime() - token.usedAt.getTime() <= limits.graceMs) {
        const successor = openSuccessor(refreshToken, token.successorSealed);
        return { kind: "rotated", refreshToken: successor, sessionId: token.sessionId };
      }
      await revoke(trx, token.tokenHash, "reuse");
      return { kind: "refused" };
    }
    if (token.expiresAt <= at) return { kind: "refused" };
    const successor = await issue(trx, token);
    const { tokenHash, sessionId } = token;
    await markUsed(trx, {
      tokenHash,
      sessionId,
      usedAt: at,
      successorSealed: sealSuccessor(refreshToken, successor),
    });
    return { kind: "rotated", refreshToken: successor, sessionId };
  }

  async function issue(
    trx: Transaction<AuthTables>,
    { sessionId, sessionExpiresAt }: Pick<LockedRefreshToken, "sessionId" | "sessionExpiresAt">,
  ): Promise<string> {
    const refreshToken = newRefreshToken();
    const issuedAt = now();
    const idleEnd = addMs(issuedAt, limits.idleMs);
    const expiresAt = idleEnd < sessionExpiresAt ? idleEnd : sessionExpiresAt;
    await insertRefreshToken(trx, {
      tokenHash: hashRefreshToken(refreshToken),
      sessionId,
      issuedAt,
      expiresAt,
    });
    return refreshToken;
  }

  async function revoke(
    trx: Transaction<AuthTables>,
    tokenHash: Buffer,
    reason: RevokeReason,
  ): Promise<void> {
    const revoked = await revokeSessionOfToken(trx, tokenHash, { at: now(), reason });
    if (revoked) await emitSessionRevoked(trx, revoked);
  }

  async function pair(sessionId: string, refreshToken: string): Promise<TokenPair> {
    const user = await findSessionUser(db, sessionId);
    // The account was deleted in between.
    if (!user) throw invalidRefreshToken();
    return { ...(await dependencies.accessTokens.forUser(user)), refreshToken };
  }
}

function addMs(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

function invalidRefreshToken(): Error {
  return unauthenticated("INVALID_REFRESH_TOKEN", "The refresh token is not valid; log in again.");
}
