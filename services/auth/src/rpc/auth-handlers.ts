import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import type { Accounts } from "../accounts.ts";
import type { ServiceAccounts } from "../service-accounts.ts";
import type { Sessions } from "../sessions.ts";
import type { SigningKeys } from "../signing-keys.ts";

/** What {@link createAuthHandlers} needs. */
export interface AuthHandlerDependencies {
  accounts: Accounts;
  sessions: Sessions;
  serviceAccounts: ServiceAccounts;
  signingKeys: SigningKeys;
}

/** The gRPC face of the auth service. */
export function createAuthHandlers(
  dependencies: AuthHandlerDependencies,
): authV1.AuthServiceImplementation<IdentityContext> {
  const { accounts, sessions, serviceAccounts, signingKeys } = dependencies;
  return {
    async signUp(request, context) {
      return { user: await accounts.signUp(request, context.signal) };
    },
    async login(request, context) {
      const userId = await accounts.authenticate(request, context.signal);
      return { tokens: await sessions.open(userId) };
    },
    async refresh({ refreshToken }) {
      return { tokens: await sessions.refresh(refreshToken) };
    },
    async logout({ refreshToken }) {
      await sessions.close(refreshToken);
      return {};
    },
    async getJwks() {
      return { jwksJson: JSON.stringify(await signingKeys.jwks()) };
    },
    issueServiceToken: (request) => serviceAccounts.issueToken(request),
    async getCurrentUser(_request, { identity }) {
      return { user: await accounts.get(requireUser(identity)) };
    },
  };
}
