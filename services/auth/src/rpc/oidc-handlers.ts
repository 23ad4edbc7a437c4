import type { IdentityContext } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { actorOf } from "../actor.ts";
import type { Identities } from "../identities.ts";
import type { Oidc } from "../oidc.ts";
import { requireSession } from "../recent-login.ts";

/** The gRPC face of logins through the OpenID provider, and of what is linked to accounts. */
export function createOidcHandlers({
  oidc,
  identities,
}: {
  oidc: Oidc;
  identities: Identities;
}): authV1.OidcServiceImplementation<IdentityContext> {
  return {
    async getOidc() {
      const providerName = oidc.providerName();
      return { enabled: providerName !== undefined, providerName: providerName ?? "" };
    },
    async beginOidc({ browserSecret, returnTo }, context) {
      const request = { browserSecret, returnTo };
      return { authorizationUrl: await oidc.begin(request, context.identity, actorOf(context)) };
    },
    finishOidc: ({ browserSecret, callbackQuery }, context) =>
      oidc.finish({ browserSecret, callbackQuery }, context.identity, actorOf(context)),
    async listIdentities(_, context) {
      return { identities: await identities.list(requireSession(context.identity).userId) };
    },
    async unlinkIdentity({ identityId, password }, context) {
      const user = requireSession(context.identity);
      const request = { identityId, password };
      return { sessionIds: await identities.unlink(user, request, actorOf(context), context.signal) };
    },
  };
}
