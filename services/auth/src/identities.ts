import { createHash } from "node:crypto";
import { AppError, failedPrecondition, notFound, type Relay, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { Accounts } from "./accounts.ts";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { requireRecentLogin, type SessionUser } from "./recent-login.ts";
import { revokeSessions } from "./session-revocation.ts";
import {
  deleteIdentity,
  type LinkedIdentity,
  listIdentities,
  type ProviderIdentity,
} from "./store/identities.ts";
import type { AuthTables } from "./store/tables.ts";
import { lockCredentials } from "./store/users.ts";

/** Rules of the provider's accounts that log in to one of ours, as its owner sees them. */
export interface Identities {
  /** All of them, the oldest link first. */
  list(userId: string): Promise<Array<LinkedIdentity & { id: string }>>;
  /**
   * Takes one off the account and ends every session but the one that asks: whose they are cannot be told. Asks for the
   * password, or without one given for a session opened less than 10 minutes ago, as linking does.
   * @returns the sessions that ended.
   * @throws AppError NOT_FOUND/IDENTITY_NOT_FOUND, FAILED_PRECONDITION/LAST_LOGIN_METHOD,
   * UNAUTHENTICATED/INVALID_CREDENTIALS, PERMISSION_DENIED/RECENT_LOGIN_REQUIRED,
   * RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  unlink(
    user: SessionUser,
    request: { identityId: string; password: string },
    actor: Actor,
    signal?: AbortSignal,
  ): Promise<string[]>;
}

/** What {@link createIdentities} needs. */
export interface IdentitiesDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  accounts: Pick<Accounts, "confirmPassword">;
  mailer: Mailer;
  /** The provider that can be logged in through; undefined where none is configured. */
  provider: { issuer: string; name: string } | undefined;
  now: () => Date;
}

// What was refused and still belongs in the log.
const auditedFailures = new Set(["INVALID_CREDENTIALS", "RECENT_LOGIN_REQUIRED", "LAST_LOGIN_METHOD"]);

/** Names an identity without saying whose it is: SHA-256 of issuer and subject, as 43 base64url characters. */
export function identityIdOf({ issuer, subject }: ProviderIdentity): string {
  // Neither holds a NUL, so that no two identities run together to the same text.
  return createHash("sha256").update(`${issuer}\0${subject}`).digest("base64url");
}

/** Creates the rules. */
export function createIdentities(dependencies: IdentitiesDependencies): Identities {
  const { db, relay, audit, accounts, mailer, provider, now } = dependencies;

  async function remove(
    trx: Transaction<AuthTables>,
    { userId, sessionId }: SessionUser,
    identityId: string,
    actor: Actor,
  ): Promise<string[]> {
    // The lock keeps two that unlink at once from each counting on the other's identity.
    const owner = await lockCredentials(trx, userId);
    const all = await listIdentities(trx, userId);
    const wanted = all.find((each) => identityIdOf(each) === identityId);
    if (!owner || !wanted) throw notFound("IDENTITY_NOT_FOUND", "There is no such linked login.");
    const opensAccount = all.some((each) => each !== wanted && each.issuer === provider?.issuer);
    if (!opensAccount && owner.passwordHash === null) throw lastLoginMethod();
    await deleteIdentity(trx, { ...wanted, userId });
    await audit.record(trx, { actor, action: "identity.unlinked", userId });
    const name = wanted.issuer === provider?.issuer ? provider.name : "another provider";
    const mail = { template: "identity-unlinked", name: owner.name, provider: name } as const;
    await mailer.queue(trx, { email: owner.email, userId }, mail);
    return revokeSessions(trx, { userId, except: sessionId, reason: "identity-unlinked", at: now() });
  }

  async function prove(user: SessionUser, password: string, actor: Actor, signal?: AbortSignal) {
    if (password === "") return requireRecentLogin(db, user, now());
    return accounts.confirmPassword(user.userId, password, actor, signal);
  }

  return {
    async list(userId) {
      return (await listIdentities(db, userId)).map((each) => ({ ...each, id: identityIdOf(each) }));
    },

    async unlink(user, { identityId, password }, actor, signal) {
      try {
        await prove(user, password, actor, signal);
        return await withOutbox(db, relay, (trx) => remove(trx, user, identityId, actor));
      } catch (error) {
        const { reason: failure } = AppError.from(error);
        if (auditedFailures.has(failure)) {
          await audit.record(db, { actor, action: "identity.unlinked", userId: user.userId, failure });
        }
        throw error;
      }
    },
  };
}

function lastLoginMethod(): Error {
  return failedPrecondition(
    "LAST_LOGIN_METHOD",
    "Nothing else logs in to this account; choose a password first, with the link of a password reset.",
  );
}
