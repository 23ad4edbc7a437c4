import type { AttemptLimitsDependencies } from "./attempt-limits.ts";
import type { AuthConfig } from "./config.ts";

/** The limits on attempts that the settings ask for. */
export function attemptLimitsOf(
  config: AuthConfig,
): Pick<AttemptLimitsDependencies, "limits" | "freeFailures" | "longestDelayMs"> {
  return {
    limits: {
      login: { address: config.loginAddressLimit, account: config.loginAccountLimit, delays: true },
      "sign-up": { address: config.signUpAddressLimit },
      reset: { address: config.resetAddressLimit, account: config.resetAccountLimit },
      code: { account: config.codeAccountLimit, delays: true },
      token: { address: config.tokenAddressLimit, failuresOnly: true },
      oidc: { address: config.oidcAddressLimit, failuresOnly: true },
    },
    freeFailures: config.freeFailures,
    longestDelayMs: config.longestDelayMs,
  };
}
