import { authV1 } from "@ocelli/contracts";
import type { JSONWebKeySet } from "jose";
import type { Logger } from "pino";
import type { Secret } from "../config/settings.ts";
import type { EventBus } from "../events/bus.ts";
import { type Revocations, watchRevocations } from "../identity/revocations.ts";
import { createServiceTokenSource, type ServiceTokenSource } from "../identity/service-token.ts";
import { createTokenVerifier, type TokenVerifier } from "../identity/token-verifier.ts";
import { detached } from "../rpc/call-scope.ts";
import { createRpcClient } from "../rpc/client.ts";
import { createUpstream, type UpstreamLimits } from "../rpc/upstream.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** A service's connection to auth: verifies callers, and proves who the service itself is. */
export interface AuthAccess {
  verifier: TokenVerifier;
  serviceToken: ServiceTokenSource;
  revocations: Revocations;
  close(): Promise<void>;
}

/** Settings of {@link connectAuth}. */
export interface AuthAccessOptions extends Partial<UpstreamLimits> {
  /** Service account name. */
  name: string;
  authAddress: string;
  serviceSecret: Secret;
  tokenIssuer: string;
  tokenAudience: string;
  /** Tells of ended sessions and keys. */
  bus: Pick<EventBus, "watch">;
  log: Logger;
  metrics?: Metrics;
  now: () => Date;
}

/** Opens the connection; nothing that auth answers is waited for. */
export async function connectAuth(options: AuthAccessOptions): Promise<AuthAccess> {
  const serviceToken = createServiceTokenSource({
    clientId: options.name,
    clientSecret: options.serviceSecret,
    // Whoever waits for the token shares it: the one that asked first cannot take it from the others by leaving.
    issue: (request) => detached(() => client.issueServiceToken(request, { retry: true })),
    now: options.now,
  });
  const { client, close } = createRpcClient(authV1.AuthServiceDefinition, {
    address: options.authAddress,
    serviceToken,
    upstream: createUpstream({ name: "auth", limits: options, metrics: options.metrics }),
  });
  const revocations = await watchRevocations({
    bus: options.bus,
    fetch: async () => {
      const answer = await client.listRevocations({}, { asService: true });
      return answer.revocations.map((each) => each.grantId);
    },
    log: options.log,
    now: options.now,
  });
  const verifier = createTokenVerifier({
    fetchJwks: async () => parseJwks((await detached(() => client.getJwks({}))).jwksJson),
    issuer: options.tokenIssuer,
    audience: options.tokenAudience,
    now: options.now,
    revocations,
  });
  return {
    verifier,
    serviceToken,
    revocations,
    async close() {
      await revocations.stop();
      close();
    },
  };
}

function parseJwks(json: string): JSONWebKeySet {
  // jose checks every key of the set when it is used.
  return JSON.parse(json) as JSONWebKeySet;
}
