import type { IdentityContext } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { actorOf } from "../actor.ts";
import type { Oidc } from "../oidc.ts";

/** The gRPC face of logins through the OpenID provider. */
export function createOidcHandlers({
  oidc,
}: {
  oidc: Oidc;
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
  };
}
