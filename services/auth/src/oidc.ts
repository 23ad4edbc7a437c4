import {
  AppError,
  failedPrecondition,
  type Identity,
  invalidArgument,
  permissionDenied,
  unauthenticated,
  unavailable,
} from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import type { OidcAccounts } from "./oidc-accounts.ts";
import { type OidcClient, OidcRefusal } from "./oidc-client.ts";
import { ProviderUnreachable } from "./oidc-fetch.ts";
import { invalidState, type PendingLogins, type TakenLogin } from "./oidc-pending.ts";
import { assertReturnTo } from "./oidc-return-to.ts";
import { requireRecentLogin, type SessionUser } from "./recent-login.ts";
import type { Sessions, TokenPair } from "./sessions.ts";
import { findSessionOpenedAt } from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";

/** How a login through the provider ended. */
export interface OidcOutcome {
  /** Tokens of the new session; undefined when an account was linked. */
  tokens: TokenPair | undefined;
  /** As given at the beginning. */
  returnTo: string;
  linked: boolean;
}

/**
 * Rules of logins through the provider. They ask for no code of ours: whoever links a provider makes it the keeper of
 * his second factor as well.
 */
export interface Oidc {
  /** The provider's name, or undefined where none is configured. */
  providerName(): string | undefined;
  /**
   * Begins a login; called with a session, the linking of the provider's account to the caller's, for which that
   * session must have been opened less than 10 minutes ago.
   * @returns where to send the browser.
   * @throws AppError FAILED_PRECONDITION/OIDC_NOT_CONFIGURED, UNAVAILABLE/OIDC_PROVIDER_UNAVAILABLE,
   * INVALID_ARGUMENT/{INVALID_RETURN_TO,INVALID_BROWSER_SECRET}, PERMISSION_DENIED/{SESSION_REQUIRED,
   * RECENT_LOGIN_REQUIRED}, RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
   */
  begin(
    request: { browserSecret: string; returnTo: string },
    identity: Identity,
    actor: Actor,
  ): Promise<string>;
  /**
   * Ends it.
   * @throws AppError UNAUTHENTICATED/{INVALID_OIDC_STATE,OIDC_REFUSED}, UNAVAILABLE/OIDC_PROVIDER_UNAVAILABLE,
   * RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS, and what {@link OidcAccounts} throws.
   */
  finish(
    request: { browserSecret: string; callbackQuery: string },
    identity: Identity,
    actor: Actor,
  ): Promise<OidcOutcome>;
}

/** What {@link createOidc} needs. */
export interface OidcDependencies {
  db: Kysely<AuthTables>;
  /** Undefined where no provider is configured. */
  provider: { name: string; client: OidcClient } | undefined;
  pending: PendingLogins;
  accounts: OidcAccounts;
  sessions: Pick<Sessions, "open">;
  limits: AttemptLimits;
  audit: AuditLog;
  now: () => Date;
}

const maxCallbackLength = 8_192;
// What somebody who tries states or codes runs into; people with the wrong account are no danger.
const guesses: ReadonlySet<string> = new Set(["INVALID_OIDC_STATE", "OIDC_REFUSED"]);

/** Creates the rules. */
export function createOidc(dependencies: OidcDependencies): Oidc {
  const { db, pending, accounts, limits, audit, now } = dependencies;

  return {
    providerName: () => dependencies.provider?.name,

    async begin({ browserSecret, returnTo }, identity, actor) {
      const client = requireProvider();
      const linker = await linkerOf(identity);
      if (returnTo !== "") assertReturnTo(returnTo);
      await limits.admit({ kind: "oidc", address: actor.origin.address });
      const checks = await pending.begin({ browserSecret, returnTo, linker });
      return translated(() => client.authorizationUrl(checks));
    },

    async finish(request, identity, actor) {
      const client = requireProvider();
      const attempt = { kind: "oidc", address: actor.origin.address } as const;
      await limits.admit(attempt);
      // What the failure was about, as far as it was known by then.
      const known: { login?: TakenLogin } = {};
      try {
        known.login = await take(request, identity);
        const outcome = await conclude(client, known.login, request.callbackQuery, actor);
        await limits.succeeded(attempt);
        return outcome;
      } catch (error) {
        const failure = AppError.from(error);
        if (guesses.has(failure.reason)) await limits.failed(attempt);
        await recordFailure(failure, known.login?.linker?.userId, actor);
        throw failure;
      }
    },
  };

  function requireProvider(): OidcClient {
    if (dependencies.provider) return dependencies.provider.client;
    throw failedPrecondition("OIDC_NOT_CONFIGURED", "No OpenID provider is configured.");
  }

  async function linkerOf(identity: Identity): Promise<SessionUser | undefined> {
    if (identity.kind === "anonymous") return undefined;
    if (identity.kind === "service" && identity.userId === undefined) return undefined;
    if (identity.kind === "service" || identity.grant.kind !== "session") {
      throw permissionDenied("SESSION_REQUIRED", "Linking an account needs a login.");
    }
    // A linked provider opens the account for good, as a password does: an old or stolen token must not suffice.
    const linker = { userId: identity.userId, sessionId: identity.grant.id };
    await requireRecentLogin(db, linker, now());
    return linker;
  }

  async function take(
    { browserSecret, callbackQuery }: { browserSecret: string; callbackQuery: string },
    identity: Identity,
  ): Promise<TakenLogin> {
    if (callbackQuery.length > maxCallbackLength) {
      throw invalidArgument("INVALID_CALLBACK", "The provider's answer is too long.");
    }
    const states = new URLSearchParams(callbackQuery).getAll("state");
    const login = await pending.take({ browserSecret, state: states.length === 1 ? (states[0] ?? "") : "" });
    const caller = identity.kind === "user" ? identity.userId : undefined;
    if (login.linker && caller !== undefined && login.linker.userId !== caller) throw invalidState();
    return login;
  }

  async function conclude(
    client: OidcClient,
    { checks, returnTo, linker }: TakenLogin,
    callbackQuery: string,
    actor: Actor,
  ): Promise<OidcOutcome> {
    const claims = await translated(() => client.redeem(callbackQuery, checks));
    if (linker) {
      // Its owner may have ended the session meanwhile because somebody else was in it.
      if (!(await findSessionOpenedAt(db, { id: linker.sessionId, userId: linker.userId }))) {
        throw invalidState();
      }
      await accounts.link(claims, linker.userId, { ...actor, name: linker.userId });
      return { tokens: undefined, returnTo, linked: true };
    }
    const account = await accounts.logIn(claims, { ...actor, name: "" });
    const { origin } = actor;
    const identity = { issuer: claims.issuer, subject: claims.subject };
    const session = { userId: account, method: "oidc", origin, identity } as const;
    const tokens = await dependencies.sessions.open(session);
    return { tokens, returnTo, linked: false };
  }

  async function recordFailure(failure: AppError, userId: string | undefined, actor: Actor): Promise<void> {
    const action = userId === undefined ? "session.opened" : "identity.linked";
    await audit.record(db, { actor, action, userId, failure: failure.reason });
  }
}

/** Errors of the provider as callers see them: without what it said, which may quote a stranger. */
async function translated<Result>(talk: () => Promise<Result>): Promise<Result> {
  try {
    return await talk();
  } catch (error) {
    if (error instanceof ProviderUnreachable) {
      throw unavailable("OIDC_PROVIDER_UNAVAILABLE", "The OpenID provider cannot be reached right now.");
    }
    if (!(error instanceof OidcRefusal)) throw error;
    throw unauthenticated("OIDC_REFUSED", "The provider refused the login, or its answer was not valid.");
  }
}
