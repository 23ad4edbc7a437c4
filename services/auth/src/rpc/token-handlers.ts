import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { actorOf } from "../actor.ts";
import type { ApiKeys } from "../api-keys.ts";
import { currentRevocations } from "../revocation.ts";
import type { ServiceAccounts } from "../service-accounts.ts";
import type { Sessions } from "../sessions.ts";
import type { SigningKeys } from "../signing-keys.ts";
import type { AuthTables } from "../store/tables.ts";

/** What {@link createTokenHandlers} needs. */
export interface TokenHandlerDependencies {
  db: Kysely<AuthTables>;
  sessions: Sessions;
  apiKeys: ApiKeys;
  serviceAccounts: ServiceAccounts;
  signingKeys: SigningKeys;
  now: () => Date;
}

/** The methods of AuthService about tokens, sessions and what ends them. */
export function createTokenHandlers(dependencies: TokenHandlerDependencies) {
  const { db, sessions, apiKeys, serviceAccounts, signingKeys, now } = dependencies;
  return {
    async refresh({ refreshToken }, { origin }) {
      return { tokens: await sessions.refresh(refreshToken, origin) };
    },
    async logout({ refreshToken }, { origin }) {
      return { sessionId: (await sessions.close(refreshToken, origin)) ?? "" };
    },
    async getJwks() {
      return { jwksJson: JSON.stringify(await signingKeys.jwks()) };
    },
    issueServiceToken: (request, { origin }) => serviceAccounts.issueToken(request, origin),
    exchangeApiKey: ({ apiKey }, { origin }) => apiKeys.exchange(apiKey, origin),
    async listRevocations() {
      return { revocations: await currentRevocations(db, now()) };
    },
    listSessions: (page, { identity }) =>
      sessions.list({ ...page, userId: requireUser(identity), current: sessionOf(identity) }),
    async revokeSession({ sessionId }, context) {
      await sessions.revoke({ userId: requireUser(context.identity), sessionId }, actorOf(context));
      return {};
    },
    async revokeOtherSessions(_request, context) {
      const { identity } = context;
      const request = { userId: requireUser(identity), except: sessionOf(identity) };
      return { sessionIds: await sessions.revokeOthers(request, actorOf(context)) };
    },
  } satisfies Partial<authV1.AuthServiceImplementation<IdentityContext>>;
}

/** The session of the caller's own token. */
function sessionOf(identity: IdentityContext["identity"]): string | undefined {
  return identity.kind === "user" && identity.grant.kind === "session" ? identity.grant.id : undefined;
}
