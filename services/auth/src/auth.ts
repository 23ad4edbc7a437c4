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
import { createEndSessions } from "./end-sessions.ts";
import { createIdentities } from "./identities.ts";
import { createLogin } from "./login.ts";
import { createMailer } from "./mail/mailer.ts";
import { openOidc } from "./oidc-setup.ts";
import { createPasswordChange } from "./password-change.ts";
import { createPasswordReset } from "./password-reset.ts";
import { createPasswords } from "./passwords.ts";
import { createSecondFactor } from "./second-factor.ts";
import { createServiceAccounts } from "./service-accounts.ts";
import { createSessions } from "./sessions.ts";
import { oidcProviderOf } from "./settings/oidc-settings.ts";
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
 * @throws ConfigError when the stored secrets need another AUTH_KEY_SECRET, or the settings of a provider are incomplete.
 */
export async function createAuth(dependencies: AuthDependencies) {
  const ground = await openGround(dependencies);
  const accountRules = createAccountRules(ground);
  const loginRules = createLoginRules(ground, accountRules);
  const { audit, mailer, signingKeys, passwords, limits } = ground;
  return {
    audit,
    mailer,
    signingKeys,
    passwords,
    limits,
    ...accountRules,
    ...loginRules,
    ...createGrantRules(ground),
    ...createAdministration(ground, accountRules),
  };
}

type Ground = Awaited<ReturnType<typeof openGround>>;
type AccountRules = ReturnType<typeof createAccountRules>;

/** What the rules stand on: the store with its secrets readable to us, the audit log, limits, mail, keys, hashing. */
async function openGround({ db, relay, config, runtime }: AuthDependencies) {
  const { log, now, newId } = runtime;
  const audit = createAuditLog({ now, newId });
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
  const limits = createAttemptLimits({ db, audit, now, ...attemptLimitsOf(config) });
  const mailer = createMailer({ now, newId, secret: config.keySecret });
  const common = { db, relay, audit, now, newId };
  return { ...common, common, config, log, limits, mailer, signingKeys, accessTokens, passwords, secrets };
}

/** Accounts, and what proves who somebody is. */
function createAccountRules({ common, config, passwords, limits, mailer, secrets }: Ground) {
  const accounts = createAccounts({ ...common, passwords, limits, mailer, signUp: config.signUp });
  const proofs = { ...common, accounts, passwords, limits, mailer };
  const secondFactor = createSecondFactor({ ...common, mailer, secrets });
  const { confirmPassword } = accounts;
  return {
    accounts,
    passwordChange: createPasswordChange(proofs),
    passwordReset: createPasswordReset(proofs),
    emailVerification: createEmailVerification(proofs),
    secondFactor,
    twoFactor: createTwoFactor({ ...common, limits, mailer, secondFactor, confirmPassword, secrets }),
  };
}

/** Sessions, and the ways to open one. */
function createLoginRules(ground: Ground, { accounts, secondFactor }: AccountRules) {
  const { common, config, log, passwords, limits, mailer, accessTokens } = ground;
  const { requireVerifiedEmail } = config;
  const durations = {
    lifetimeMs: config.sessionLifetimeMs,
    idleMs: config.sessionIdleMs,
    graceMs: config.refreshGraceMs,
  };
  const sessions = createSessions({ ...common, accessTokens, mailer, limits: durations });
  const provider = oidcProviderOf(config);
  return {
    sessions,
    login: createLogin({ ...common, passwords, limits, secondFactor, sessions, requireVerifiedEmail }),
    oidc: openOidc({ ...common, mailer, limits, accounts, sessions, config, log }),
    identities: createIdentities({ ...common, mailer, accounts, provider }),
  };
}

/** Access without a login: API keys and service accounts. */
function createGrantRules({ common, config, accessTokens, limits: attempts }: Ground) {
  const own = config.serviceAccounts;
  return {
    apiKeys: createApiKeys({ ...common, accessTokens, attempts }),
    serviceAccounts: createServiceAccounts({ ...common, own, accessTokens, attempts }),
  };
}

/** What administrators do. */
function createAdministration({ db, common, config }: Ground, { accounts }: AccountRules) {
  const { requireVerifiedEmail } = config;
  return {
    users: createUsers({ ...common, accounts, requireVerifiedEmail }),
    endSessions: createEndSessions(common),
    auditEntries: createAuditEntries({ db }),
  };
}
