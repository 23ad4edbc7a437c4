import {
  type CallOrigin,
  isUuid,
  notFound,
  permissionDenied,
  type Relay,
  unauthenticated,
  withOutbox,
} from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { AccessTokens, IssuedAccessToken } from "./access-tokens.ts";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { hashRefreshToken, isRefreshToken } from "./refresh-tokens.ts";
import { createRotation } from "./rotation.ts";
import { listSessionPage, type SessionPage, type SessionPageRequest } from "./session-list.ts";
import { revokeSessions } from "./session-revocation.ts";
import { findIdentityUser, type ProviderIdentity } from "./store/identities.ts";
import { findSessionOfToken } from "./store/refresh-tokens.ts";
import {
  deleteEndedSessions,
  findSightings,
  insertSession,
  listSessionsBeyond,
  lockOwner,
  lockSession,
  type SessionOwner,
} from "./store/sessions.ts";
import type { AuthTables } from "./store/tables.ts";

export { type RevokeReason, revokeSessions } from "./session-revocation.ts";

/** An access token with the refresh token that follows it. */
export interface TokenPair extends IssuedAccessToken {
  refreshToken: string;
}

/** How a user proved who he is. */
export type SessionMethod = "password" | "two-factor" | "oidc" | "operator";

/** What a session is opened with. */
export interface OpenSession {
  userId: string;
  method: SessionMethod;
  origin: CallOrigin;
  /** Stored hash that the password matched: when it is another one by now, the password was changed meanwhile. */
  passwordHash?: string;
  /** Identity at a provider that logged in: it may have been taken off the account meanwhile. */
  identity?: ProviderIdentity;
}

/** Rules of sessions. A session is a family of refresh tokens, of which each gives its successor once. */
export interface Sessions {
  /**
   * Opens a session for a user who has proven who he is.
   * @throws AppError PERMISSION_DENIED/ACCOUNT_DISABLED, UNAUTHENTICATED/INVALID_CREDENTIALS when the account is gone
   * or its password changed meanwhile, UNAUTHENTICATED/INVALID_OIDC_STATE when the identity was unlinked meanwhile.
   */
  open(session: OpenSession): Promise<TokenPair>;
  /**
   * Gives the successor of a refresh token. A token used within the grace before gives the same successor again;
   * used later, it was stolen from or by somebody, and the session ends. Who holds the token counts as the same
   * client: the successor is stored encrypted with the token, and nobody without it can read it.
   * @throws AppError UNAUTHENTICATED/INVALID_REFRESH_TOKEN for every token that gives nothing.
   */
  refresh(refreshToken: string, origin: CallOrigin): Promise<TokenPair>;
  /**
   * Ends the session of a refresh token, whichever of the family it is.
   * @returns the session's id; undefined for unknown tokens and sessions that are over.
   */
  close(refreshToken: string, origin: CallOrigin): Promise<string | undefined>;
  /** A user's open sessions, the one used last first. */
  list(request: SessionPageRequest): Promise<SessionPage>;
  /** @throws AppError NOT_FOUND/SESSION_NOT_FOUND, alike for sessions of others and such that are over. */
  revoke(session: { userId: string; sessionId: string }, actor: Actor): Promise<void>;
  /** Ends all open sessions of a user but one; returns which. */
  revokeOthers(request: { userId: string; except: string | undefined }, actor: Actor): Promise<string[]>;
  /** Forgets sessions that ended 30 days ago, some at a time; returns how many. */
  purge(): Promise<number>;
}

/** What {@link createSessions} needs. */
export interface SessionsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  accessTokens: Pick<AccessTokens, "forUser">;
  audit: AuditLog;
  mailer: Mailer;
  now: () => Date;
  newId: () => string;
  /** Durations in milliseconds. */
  limits: { lifetimeMs: number; idleMs: number; graceMs: number };
}

const maxOpenSessions = 100;
const keptAfterEndMs = 30 * 86_400_000;
const purgeBatch = 1_000;

/** Creates the rules. */
export function createSessions(dependencies: SessionsDependencies): Sessions {
  const { db, relay, audit, now, newId, limits } = dependencies;
  const rotation = createRotation(dependencies);

  return {
    async open({ userId, method, origin, passwordHash, identity }) {
      const sessionId = newId();
      const { owner, refreshToken } = await withOutbox(db, relay, async (trx) => {
        const account = requireOpenAccount(await lockOwner(trx, userId), passwordHash);
        if (identity) await requireLinked(trx, identity, userId);
        await noticeNewSignIn(trx, account, origin);
        const createdAt = now();
        const expiresAt = addMs(createdAt, limits.lifetimeMs);
        await insertSession(trx, { id: sessionId, userId, createdAt, expiresAt, method, ...origin });
        await revokeOldest(trx, userId, createdAt);
        const actor = { name: userId, origin };
        await audit.record(trx, {
          actor,
          action: "session.opened",
          userId,
          targetId: sessionId,
          change: method,
        });
        return { owner: account, refreshToken: await rotation.issue(trx, { sessionId, expiresAt }) };
      });
      const issued = await dependencies.accessTokens.forUser({ userId, sessionId, role: owner.role });
      return { ...issued, refreshToken };
    },

    async refresh(refreshToken, origin) {
      if (!isRefreshToken(refreshToken)) throw invalidRefreshToken();
      // A refusal is returned, not thrown: the revocation it may come with has to be committed.
      const outcome = await withOutbox(db, relay, (trx) => rotation.rotate(trx, refreshToken, origin));
      if (outcome.kind === "refused") throw invalidRefreshToken();
      const issued = await dependencies.accessTokens.forUser(outcome);
      return { ...issued, refreshToken: outcome.refreshToken };
    },

    async close(refreshToken, origin) {
      if (!isRefreshToken(refreshToken)) return undefined;
      return withOutbox(db, relay, (trx) => closeOne(trx, hashRefreshToken(refreshToken), origin));
    },

    list: (request) => listSessionPage({ db, now, idleMs: limits.idleMs }, request),

    async revoke({ userId, sessionId }, actor) {
      if (!isUuid(sessionId)) throw sessionNotFound();
      await withOutbox(db, relay, async (trx) => {
        const ended = await revokeSessions(trx, { userId, ids: [sessionId], reason: "revoked", at: now() });
        if (ended.length === 0) throw sessionNotFound();
        await audit.record(trx, { actor, action: "session.revoked", userId, targetId: sessionId });
      });
    },

    revokeOthers: ({ userId, except }, actor) =>
      withOutbox(db, relay, async (trx) => {
        const ended = await revokeSessions(trx, { userId, except, reason: "revoked", at: now() });
        if (ended.length > 0) {
          const change = `${ended.length} others`;
          await audit.record(trx, { actor, action: "session.revoked", userId, change });
        }
        return ended;
      }),

    purge: () => deleteEndedSessions(db, addMs(now(), -keptAfterEndMs), purgeBatch),
  };

  async function closeOne(
    trx: Transaction<AuthTables>,
    tokenHash: Buffer,
    origin: CallOrigin,
  ): Promise<string | undefined> {
    const sessionId = await findSessionOfToken(trx, tokenHash);
    const session = sessionId === undefined ? undefined : await lockSession(trx, sessionId);
    if (!session) return undefined;
    const { userId } = session;
    const ids = [session.sessionId];
    const [ended] = await revokeSessions(trx, { userId, ids, reason: "logout", at: now() });
    if (ended === undefined) return undefined;
    const actor = { name: userId, origin };
    await audit.record(trx, { actor, action: "session.revoked", userId, targetId: ended, change: "logout" });
    return ended;
  }

  /** A user who has logged in before is told of a login from a client not seen before. */
  async function noticeNewSignIn(
    trx: Transaction<AuthTables>,
    { userId, name, email }: SessionOwner,
    { address, userAgent }: CallOrigin,
  ): Promise<void> {
    const seen = await findSightings(trx, { userId, address, userAgent });
    if (!seen.any || seen.same) return;
    const at = now().toISOString();
    await dependencies.mailer.queue(
      trx,
      { email, userId },
      { template: "new-sign-in", name, at, address, userAgent },
    );
  }

  async function revokeOldest(trx: Transaction<AuthTables>, userId: string, at: Date): Promise<void> {
    const open = { now: at, idleSince: addMs(at, -limits.idleMs) };
    const ids = await listSessionsBeyond(trx, userId, open, maxOpenSessions);
    if (ids.length > 0) await revokeSessions(trx, { userId, ids, reason: "too-many", at });
  }
}

function requireOpenAccount(owner: SessionOwner | undefined, passwordHash: string | undefined): SessionOwner {
  if (!owner || (passwordHash !== undefined && passwordHash !== owner.passwordHash)) {
    throw unauthenticated("INVALID_CREDENTIALS", "The e-mail address or the password is wrong.");
  }
  if (owner.disabledAt) throw permissionDenied("ACCOUNT_DISABLED", "The account is closed.");
  return owner;
}

async function requireLinked(
  trx: Transaction<AuthTables>,
  identity: ProviderIdentity,
  userId: string,
): Promise<void> {
  if ((await findIdentityUser(trx, identity)) === userId) return;
  throw unauthenticated("INVALID_OIDC_STATE", "This login is not linked to the account any more.");
}

function addMs(date: Date, ms: number): Date {
  return new Date(date.getTime() + ms);
}

function sessionNotFound(): Error {
  return notFound("SESSION_NOT_FOUND", "There is no such session.");
}

function invalidRefreshToken(): Error {
  return unauthenticated("INVALID_REFRESH_TOKEN", "The refresh token is not valid; log in again.");
}
