import {
  createTokenVerifier,
  openService,
  type RunningService,
  type Runtime,
  type ServiceHost,
  watchRevocations,
} from "@ocelli/chassis";
import { authV1 } from "@ocelli/contracts";
import { startAuditRetention } from "./audit-entries.ts";
import { createAuth } from "./auth.ts";
import type { AuthConfig } from "./config.ts";
import { startForgetting } from "./ended-grants.ts";
import { openMail } from "./mail/open-mail.ts";
import { currentRevocations } from "./revocation.ts";
import { createApiKeyHandlers } from "./rpc/api-key-handlers.ts";
import { createAuditHandlers } from "./rpc/audit-handlers.ts";
import { createAuthHandlers } from "./rpc/auth-handlers.ts";
import { createOidcHandlers } from "./rpc/oidc-handlers.ts";
import { createServiceAccountHandlers } from "./rpc/service-account-handlers.ts";
import { createTwoFactorHandlers } from "./rpc/two-factor-handlers.ts";
import { createUserHandlers } from "./rpc/user-handlers.ts";
import { migrations } from "./store/migrations/index.ts";
import type { AuthTables } from "./store/tables.ts";

export { migrations } from "./store/migrations/index.ts";

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
  const { db } = host.database;
  const mail = openMail(host, config, runtime);
  const auth = await createAuth({ db, relay: mail.relay, config, runtime });
  const revocations = await watchRevocations({
    bus: runtime.bus,
    fetch: async () => (await currentRevocations(db, runtime.now())).map((each) => each.grantId),
    log: host.log,
    now: runtime.now,
  });
  host.onStop(() => revocations.stop());
  const verifier = createTokenVerifier({
    fetchJwks: auth.signingKeys.jwks,
    issuer: config.tokenIssuer,
    audience: config.tokenAudience,
    now: runtime.now,
    revocations,
  });
  host.provide(authV1.UserServiceDefinition, createUserHandlers(auth));
  host.provide(authV1.TwoFactorServiceDefinition, createTwoFactorHandlers(auth));
  host.provide(authV1.OidcServiceDefinition, createOidcHandlers(auth));
  host.provide(authV1.AuditServiceDefinition, createAuditHandlers(auth));
  host.provide(authV1.ApiKeyServiceDefinition, createApiKeyHandlers(auth));
  host.provide(authV1.ServiceAccountServiceDefinition, createServiceAccountHandlers(auth));
  const service = await host.serve(
    verifier,
    authV1.AuthServiceDefinition,
    createAuthHandlers({ ...auth, db, now: runtime.now }),
  );
  mail.start();
  const retention = startAuditRetention({
    db,
    log: host.log,
    now: runtime.now,
    retentionMs: config.auditRetentionMs,
  });
  host.onStop(() => retention.stop());
  const forgetting = startForgetting({ ...auth, log: host.log });
  host.onStop(() => forgetting.stop());
  return service;
}
