import { type Identity, type IdentityContext, requireUser } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import type { Accounts } from "../accounts.ts";
import { actorOf } from "../actor.ts";
import type { EmailVerification } from "../email-verification.ts";
import type { Login } from "../login.ts";
import type { PasswordChange } from "../password-change.ts";
import type { PasswordReset } from "../password-reset.ts";

/** What {@link createAccountHandlers} needs. */
export interface AccountHandlerDependencies {
  accounts: Accounts;
  login: Login;
  passwordChange: PasswordChange;
  passwordReset: PasswordReset;
  emailVerification: EmailVerification;
}

/** The methods of AuthService about accounts and how people prove who they are. */
export function createAccountHandlers(dependencies: AccountHandlerDependencies) {
  const { accounts, login, passwordChange, passwordReset, emailVerification } = dependencies;
  return {
    async signUp(request, context) {
      return { user: await accounts.signUp(request, actorOf(context), context.signal) };
    },
    async login(request, context) {
      return { tokens: await login.login(request, actorOf(context), context.signal) };
    },
    async getCurrentUser(_request, { identity }) {
      return { user: await accounts.get(requireUser(identity)) };
    },
    async changePassword(request, context) {
      const { identity, signal } = context;
      const caller = { userId: requireUser(identity), sessionId: sessionOf(identity) };
      return { sessionIds: await passwordChange.change({ ...request, ...caller }, actorOf(context), signal) };
    },
    async requestPasswordReset({ email }, context) {
      await passwordReset.request(email, actorOf(context));
      return {};
    },
    async resetPassword(request, context) {
      await passwordReset.reset(request, actorOf(context), context.signal);
      return {};
    },
    async verifyEmail({ token }, context) {
      await emailVerification.verify(token, actorOf(context));
      return {};
    },
    async requestEmailVerification(_request, context) {
      await emailVerification.request(requireUser(context.identity), actorOf(context));
      return {};
    },
    async changeEmail(request, context) {
      const userId = requireUser(context.identity);
      await emailVerification.change({ ...request, userId }, actorOf(context), context.signal);
      return {};
    },
  } satisfies Partial<authV1.AuthServiceImplementation<IdentityContext>>;
}

/** The session of the caller's own token. */
function sessionOf(identity: Identity): string | undefined {
  return identity.kind === "user" && identity.grant.kind === "session" ? identity.grant.id : undefined;
}
