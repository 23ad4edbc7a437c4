import { authV1 } from "@ocelli/contracts";
import type { JSONWebKeySet } from "jose";
import type { Secret } from "../config/settings.ts";
import { createServiceTokenSource, type ServiceTokenSource } from "../identity/service-token.ts";
import { createTokenVerifier, type TokenVerifier } from "../identity/token-verifier.ts";
import { createRpcClient } from "../rpc/client.ts";

/** A service's connection to auth: verifies callers, and proves who the service itself is. */
export interface AuthAccess {
  verifier: TokenVerifier;
  serviceToken: ServiceTokenSource;
  close(): void;
}

/** Settings of {@link connectAuth}. */
export interface AuthAccessOptions {
  /** Service account name. */
  name: string;
  authAddress: string;
  serviceSecret: Secret;
  tokenIssuer: string;
  tokenAudience: string;
  now: () => Date;
}

/** Opens the connection; nothing is called before the first token must be checked. */
export function connectAuth(options: AuthAccessOptions): AuthAccess {
  const { client, close } = createRpcClient(authV1.AuthServiceDefinition, { address: options.authAddress });
  return {
    verifier: createTokenVerifier({
      fetchJwks: async () => parseJwks((await client.getJwks({})).jwksJson),
      issuer: options.tokenIssuer,
      audience: options.tokenAudience,
      now: options.now,
    }),
    serviceToken: createServiceTokenSource({
      clientId: options.name,
      clientSecret: options.serviceSecret,
      issue: (request) => client.issueServiceToken(request, { retry: true }),
      now: options.now,
    }),
    close,
  };
}

function parseJwks(json: string): JSONWebKeySet {
  // jose checks every key of the set when it is used.
  return JSON.parse(json) as JSONWebKeySet;
}
