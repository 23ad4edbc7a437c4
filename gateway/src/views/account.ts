import type { authV1 } from "@ocelli/contracts";
import { required } from "./required.ts";
import type { IdentityView, SessionView, TokensView, UserView } from "./schemas-account.ts";

/** An account as clients see it. */
export function toUserView(message: authV1.User | undefined): UserView {
  const user = required(message, "user");
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    createdAt: required(user.createdAt, "createdAt").toISOString(),
    emailVerified: user.emailVerified,
    disabled: user.disabled,
    twoFactorEnabled: user.twoFactorEnabled,
    hasPassword: user.hasPassword,
  };
}

/** The tokens of a session. */
export function toTokensView(message: authV1.TokenPair | undefined): TokensView {
  const { accessToken, refreshToken, expiresIn } = required(message, "tokens");
  return { accessToken, refreshToken, tokenType: "Bearer", expiresIn };
}

/** One login of a user. */
export function toSessionView(session: authV1.Session): SessionView {
  const { id, current, method, address, userAgent } = session;
  return {
    id,
    current,
    method,
    address,
    userAgent,
    createdAt: required(session.createdAt, "createdAt").toISOString(),
    lastUsedAt: required(session.lastUsedAt, "lastUsedAt").toISOString(),
    expiresAt: required(session.expiresAt, "expiresAt").toISOString(),
  };
}

/** An account of a provider that logs in to the caller's. */
export function toIdentityView({ id, issuer, subject, linkedAt }: authV1.LinkedIdentity): IdentityView {
  return { id, issuer, subject, linkedAt: required(linkedAt, "linkedAt").toISOString() };
}
