import type { authV1 } from "@ocelli/contracts";
import { required } from "./required.ts";
import type { TokensView, UserView } from "./schemas.ts";

/** An account as clients see it. */
export function toUserView(message: authV1.User | undefined): UserView {
  const user = required(message, "user");
  return {
    id: user.id,
    email: user.email,
    name: user.name,
    role: user.role,
    createdAt: (user.createdAt ?? new Date(0)).toISOString(),
  };
}

/** The tokens of a session. */
export function toTokensView(message: authV1.TokenPair | undefined): TokensView {
  const { accessToken, refreshToken, expiresIn } = required(message, "tokens");
  return { accessToken, refreshToken, tokenType: "Bearer", expiresIn };
}
