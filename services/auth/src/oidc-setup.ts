import type { Logger, Relay } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { Accounts } from "./accounts.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { createOidc, type Oidc } from "./oidc.ts";
import { createOidcAccounts } from "./oidc-accounts.ts";
import { createOidcClient } from "./oidc-client.ts";
import { createPendingLogins } from "./oidc-pending.ts";
import type { Sessions } from "./sessions.ts";
import { type OidcSettingsValues, oidcProviderOf } from "./settings/oidc-settings.ts";
import type { AuthTables } from "./store/tables.ts";

/** What {@link openOidc} needs. */
export interface OidcSetup {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  mailer: Mailer;
  limits: AttemptLimits;
  accounts: Pick<Accounts, "createVerifiedAccount">;
  sessions: Pick<Sessions, "open">;
  config: OidcSettingsValues & { publicUrl: string; requireVerifiedEmail: boolean };
  log: Logger;
  now: () => Date;
}

/** Path of the gateway to which the provider sends browsers back. */
export const oidcCallbackPath = "/api/v1/auth/oidc/callback";

/**
 * Puts logins through the provider together. The provider itself is not asked for anything yet: that it is down keeps
 * nobody from starting.
 * @throws ConfigError naming what is missing of a configuration that was begun.
 */
export function openOidc(setup: OidcSetup): Oidc {
  const { db, relay, audit, mailer, limits, accounts, sessions, config, log, now } = setup;
  const provider = oidcProviderOf(config);
  const redirectUri = config.publicUrl + oidcCallbackPath;
  return createOidc({
    db,
    provider: provider && {
      name: provider.name,
      client: createOidcClient({ provider, redirectUri, log, now }),
    },
    pending: createPendingLogins({ db, now }),
    accounts: createOidcAccounts({
      db,
      relay,
      audit,
      mailer,
      providerName: config.oidcProviderName,
      createAccount: accounts.createVerifiedAccount,
      signUp: provider?.signUp ?? false,
      requireVerifiedEmail: config.requireVerifiedEmail,
      now,
    }),
    sessions,
    limits,
    audit,
    now,
  });
}
