import type { Revocations, TokenVerifier } from "@ocelli/chassis";
import { createApiKeyTokens } from "./api-keys.ts";
import type { GateDeps } from "./authentication.ts";
import type { Clients } from "./clients.ts";
import { addressKey, createRateLimits, type RateLimitSettings } from "./rate-limits.ts";

/** What {@link openGateDeps} needs. */
export interface GateSources {
  readonly clients: Pick<Clients, "auth">;
  readonly verifier: TokenVerifier;
  readonly revocations: Revocations;
  readonly limits: RateLimitSettings;
  readonly now: () => Date;
}

// Many requests wait for one exchange, so none of them can cancel it.
const exchangeDeadlineMs = 10_000;

/** Puts together what lets requests in; wrong API keys count against the address that sends them. */
export function openGateDeps({
  clients,
  verifier,
  revocations,
  now,
  ...sources
}: GateSources): Omit<GateDeps, "admission"> {
  const limits = createRateLimits(sources.limits, now);
  const apiKeys = createApiKeyTokens({
    exchange: (apiKey, origin) =>
      clients.auth.exchangeApiKey({ apiKey }, { origin, deadline: exchangeDeadlineMs }),
    revocations,
    admit: ({ address }) => limits.check("auth", addressKey(address)),
    onRefused: ({ address }) => void limits.take("auth", addressKey(address)),
    now,
  });
  return { verifier, apiKeys, limits };
}
