import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { actorOf } from "../actor.ts";
import { requireSession } from "../recent-login.ts";
import type { TwoFactor } from "../two-factor.ts";

/** The gRPC face of the second factor. */
export function createTwoFactorHandlers({
  twoFactor,
}: {
  twoFactor: TwoFactor;
}): authV1.TwoFactorServiceImplementation<IdentityContext> {
  return {
    beginTwoFactor: ({ password }, context) =>
      twoFactor.begin(requireSession(context.identity), password, actorOf(context)),
    async confirmTwoFactor({ code }, context) {
      const user = requireSession(context.identity);
      return { recoveryCodes: await twoFactor.confirm(user, code, actorOf(context)) };
    },
    async disableTwoFactor({ password, code }, context) {
      await twoFactor.disable(requireSession(context.identity), { password, code }, actorOf(context));
      return {};
    },
    async replaceRecoveryCodes({ password, code }, context) {
      const user = requireSession(context.identity);
      const recoveryCodes = await twoFactor.replaceRecoveryCodes(user, { password, code }, actorOf(context));
      return { recoveryCodes };
    },
    getTwoFactor: (_request, { identity }) => twoFactor.status(requireUser(identity)),
  };
}
