import type { Relay, Runtime } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { createAccessTokens } from "./access-tokens.ts";
import { createAccounts } from "./accounts.ts";
import { createApiKeys } from "./api-keys.ts";
import { createAttemptLimits } from "./attempt-limits.ts";
import { attemptLimitsOf } from "./attempt-rates.ts";
import { createAuditLog } from "./audit.ts";
import { createAuditEntries } from "./audit-entries.ts";
import type { AuthConfig } from "./config.ts";
import { createEmailVerification } from "./email-verification.ts";
import { createLogin } from "./login.ts";
import { createMailer } from "./mail/mailer.ts";
import { openOidc } from "./oidc-setup.ts";
import { createPasswordChange } from "./password-change.ts";
import { createPasswordReset } from "./password-reset.ts";
import { createPasswords } from "./passwords.ts";
import { createSecondFactor } from "./second-factor.ts";
import { createServiceAccounts } from "./service-accounts.ts";
import { createSessions } from "./sessions.ts";
import { openSigningKeys } from "./signing-keys.ts";
import type { AuthTables } from "./store/tables.ts";
import { createTotpSecrets } from "./totp-secrets.ts";
import { createTwoFactor } from "./two-factor.ts";
import { createUsers } from "./users.ts";

/** What {@link createAuth} stands on. */
export interface AuthDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  config: AuthConfig;
  runtime: Pick<Runtime, "log" | "now" | "newId">;
}

/** All rules of the auth service over one store, whoever calls them: RPC handlers or the command line. */
export type Auth = Awaited<ReturnType<typeof createAuth>>;

/**
 * Puts the rules together; makes the first signing key when there is none.
 * @throws ConfigError when the stored secrets need another AUTH_KEY_SECRET.
 */
export async function createAuth({ db, relay, config, runtime }: AuthDependencies) {
  const { now, newId } = runtime;
  const audit = createAuditLog({ now, newId });
  const common = { db, relay, audit, now, newId };
  const limits = createAttemptLimits({ db, audit, now, ...attemptLimitsOf(config) });
  const mailer = createMailer({ now, newId, secret: config.keySecret });
  const signingKeys = await openSigningKeys({ db, secret: config.keySecret, audit, now });
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
  const secrets = createTotpSecrets(config.keySecret);
  await secrets.sealReadable(db);
  const secondFactor = createSecondFactor({ db, audit, secrets, now });
  const accounts = createAccounts({ ...common, passwords, limits, mailer, signUp: config.signUp });
  const proofs = { ...common, accounts, passwords, limits, mailer };
  const passwordChange = createPasswordChange(proofs);
  const passwordReset = createPasswordReset(proofs);
  const emailVerification = createEmailVerification(proofs);
  const durations = {
    lifetimeMs: config.sessionLifetimeMs,
    idleMs: config.sessionIdleMs,
    graceMs: config.refreshGraceMs,
  };
  const sessions = createSessions({ ...common, accessTokens, mailer, limits: durations });
  const login = createLogin({
    ...common,
    passwords,
    limits,
    secondFactor,
    sessions,
    requireVerifiedEmail: config.requireVerifiedEmail,
  });
  const { confirmPassword } = accounts;
  const twoFactor = createTwoFactor({
    db,
    audit,
    limits,
    mailer,
    relay,
    secondFactor,
    confirmPassword,
    secrets,
    now,
  });
  const oidc = openOidc({ db, relay, audit, limits, accounts, sessions, config, log: runtime.log, now });
  const apiKeys = createApiKeys({ ...common, accessTokens, attempts: limits });
  const serviceAccounts = createServiceAccounts({
    ...common,
    own: config.serviceAccounts,
    accessTokens,
    attempts: limits,
  });
  const users = createUsers({ ...common, accounts });
  const auditEntries = createAuditEntries({ db });
  return {
    audit,
    auditEntries,
    users,
    mailer,
    signingKeys,
    passwords,
    accounts,
    login,
    passwordChange,
    passwordReset,
    emailVerification,
    sessions,
    twoFactor,
    oidc,
    apiKeys,
    serviceAccounts,
    limits,
  };
}
