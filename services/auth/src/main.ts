import {
  createTokenVerifier,
  openService,
  type RunningService,
  type Runtime,
  type ServiceHost,
} from "@ocelli/chassis";
import { authV1 } from "@ocelli/contracts";
import { createAccessTokens } from "./access-tokens.ts";
import { createAccounts } from "./accounts.ts";
import type { AuthConfig } from "./config.ts";
import { createPasswords } from "./passwords.ts";
import { createAuthHandlers } from "./rpc/auth-handlers.ts";
import { createServiceAccounts } from "./service-accounts.ts";
import { createSessions } from "./sessions.ts";
import { openSigningKeys } from "./signing-keys.ts";
import { migrations } from "./store/migrations/index.ts";
import type { AuthTables } from "./store/tables.ts";

/** Starts the auth service. */
export async function start(config: AuthConfig, runtime: Runtime): Promise<RunningService> {
  const host = await openService<AuthTables>({ name: "auth", config, runtime, migrations });
  try {
    return await serve(host, config, runtime);
  } catch (error) {
    await host.database.close();
    throw error;
  }
}

async function serve(
  host: ServiceHost<AuthTables>,
  config: AuthConfig,
  runtime: Runtime,
): Promise<RunningService> {
  const { now, newId } = runtime;
  const { relay } = host;
  const { db } = host.database;
  const signingKeys = await openSigningKeys({ db, secret: config.keySecret, now });
  const accessTokens = createAccessTokens({
    signingKeys,
    issuer: config.tokenIssuer,
    audience: config.tokenAudience,
    lifetimeMs: config.accessTokenMs,
    now,
    newId,
  });
  const passwords = await createPasswords({
    memoryBytes: config.passwordMemoryBytes,
    passes: config.passwordPasses,
    concurrency: config.passwordConcurrency,
    queue: config.passwordQueue,
  });
  const accounts = createAccounts({ db, relay, passwords, now, newId });
  const limits = {
    lifetimeMs: config.sessionLifetimeMs,
    idleMs: config.sessionIdleMs,
    graceMs: config.refreshGraceMs,
  };
  const sessions = createSessions({ db, relay, accessTokens, now, newId, limits });
  const serviceAccounts = createServiceAccounts({ accounts: config.serviceAccounts, accessTokens });
  const verifier = createTokenVerifier({
    fetchJwks: signingKeys.jwks,
    issuer: config.tokenIssuer,
    audience: config.tokenAudience,
    now,
  });
  const handlers = createAuthHandlers({ accounts, sessions, serviceAccounts, signingKeys });
  return host.serve(verifier, authV1.AuthServiceDefinition, handlers);
}
