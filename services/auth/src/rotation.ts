import type { CallOrigin } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import type { AuditLog } from "./audit.ts";
import { hashRefreshToken, newRefreshToken, openSuccessor, sealSuccessor } from "./refresh-tokens.ts";
import { revokeSessions } from "./session-revocation.ts";
import {
  findRefreshToken,
  findSessionOfToken,
  insertRefreshToken,
  markUsed,
  type StoredRefreshToken,
} from "./store/refresh-tokens.ts";
import { type LockedSession, lockSession, touchSession } from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

/** What came of presenting a refresh token. */
export type RotationOutcome =
  | { kind: "rotated"; refreshToken: string; sessionId: string; userId: string; role: string }
  | { kind: "refused" };

/** What {@link createRotation} needs; durations in milliseconds. */
export interface RotationDependencies {
  audit: AuditLog;
  now: () => Date;
  limits: { idleMs: number; graceMs: number };
}

/** Issues refresh tokens and exchanges each for its successor, once. */
export function createRotation({ audit, now, limits }: RotationDependencies) {
  return { issue, rotate };

  /** Adds a token to a session; it ends by idleness, or with the session. */
  async function issue(
    trx: Transaction<AuthTables>,
    { sessionId, expiresAt: sessionEnd }: Pick<LockedSession, "sessionId" | "expiresAt">,
  ): Promise<string> {
    const refreshToken = newRefreshToken();
    const issuedAt = now();
    const idleEnd = new Date(issuedAt.getTime() + limits.idleMs);
    const expiresAt = idleEnd < sessionEnd ? idleEnd : sessionEnd;
    await insertRefreshToken(trx, {
      tokenHash: hashRefreshToken(refreshToken),
      sessionId,
      issuedAt,
      expiresAt,
    });
    return refreshToken;
  }

  /** Does not throw for a refusal: the revocation it may come with has to be committed. */
  async function rotate(
    trx: Transaction<AuthTables>,
    refreshToken: string,
    origin: CallOrigin,
  ): Promise<RotationOutcome> {
    const tokenHash = hashRefreshToken(refreshToken);
    const sessionId = await findSessionOfToken(trx, tokenHash);
    // Session first, then token, as everybody locks them.
    const session = sessionId === undefined ? undefined : await lockSession(trx, sessionId);
    const token = session && (await findRefreshToken(trx, tokenHash));
    // Read after the lock: a caller that waited for another must not see itself before the other's use.
    const at = now();
    if (!token || session.revokedAt || session.disabledAt || session.expiresAt <= at)
      return { kind: "refused" };
    const successor =
      token.usedAt && token.successorSealed
        ? await repeat(trx, session, token, { refreshToken, at, origin })
        : await exchange(trx, session, token, { refreshToken, tokenHash, at, origin });
    if (successor === undefined) return { kind: "refused" };
    return { kind: "rotated", refreshToken: successor, ...session };
  }

  /** A used token: its successor again within the grace, the end of the session after it. */
  async function repeat(
    trx: Transaction<AuthTables>,
    { userId, sessionId }: LockedSession,
    { usedAt, successorSealed }: StoredRefreshToken,
    use: { refreshToken: string; at: Date; origin: CallOrigin },
  ): Promise<string | undefined> {
    if (usedAt && successorSealed && use.at.getTime() - usedAt.getTime() <= limits.graceMs) {
      return openSuccessor(use.refreshToken, successorSealed);
    }
    await revokeSessions(trx, { userId, ids: [sessionId], reason: "reuse", at: use.at });
    await audit.record(trx, {
      // Owner or thief: nobody can tell.
      actor: { name: "", origin: use.origin },
      action: "session.reuse-detected",
      userId,
      targetId: sessionId,
      failure: "REFRESH_TOKEN_REUSED",
    });
    return undefined;
  }

  async function exchange(
    trx: Transaction<AuthTables>,
    session: LockedSession,
    token: StoredRefreshToken,
    use: { refreshToken: string; tokenHash: Buffer; at: Date; origin: CallOrigin },
  ): Promise<string | undefined> {
    if (token.expiresAt <= use.at) return undefined;
    const successor = await issue(trx, session);
    const successorSealed = sealSuccessor(use.refreshToken, successor);
    await markUsed(trx, { tokenHash: use.tokenHash, usedAt: use.at, successorSealed });
    await touchSession(trx, { id: session.sessionId, usedAt: use.at, ...use.origin });
    return successor;
  }
}
