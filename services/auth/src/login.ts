import { AppError, permissionDenied, unauthenticated } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import type { Actor } from "./actor.ts";
import type { AttemptLimits } from "./attempt-limits.ts";
import type { AuditLog } from "./audit.ts";
import { emailAddress } from "./email-address.ts";
import type { Passwords } from "./passwords.ts";
import type { SecondFactor } from "./second-factor.ts";
import type { SessionMethod, Sessions, TokenPair } from "./sessions.ts";
import type { AuthTables } from "./store/tables.ts";
import { type Credentials, findCredentials, findCredentialsOf, replacePasswordHash } from "./store/users.ts";

/** What somebody logs in with. */
export interface LoginRequest {
  email: string;
  password: string;
  /** Code of the second factor; empty until asked for. */
  code: string;
}

/** Logs people in. */
export interface Login {
  /**
   * Opens a session for who knows address and password, and the code where the account asks for one.
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, alike and after the same work for an unknown address, a wrong
   * password and an account without one; once the password was right PERMISSION_DENIED/{ACCOUNT_DISABLED,
   * EMAIL_NOT_VERIFIED}, UNAUTHENTICATED/{TWO_FACTOR_REQUIRED,INVALID_CODE};
   * RESOURCE_EXHAUSTED/{TOO_MANY_ATTEMPTS,TOO_MANY_LOGINS}.
   */
  login(request: LoginRequest, actor: Actor, signal?: AbortSignal): Promise<TokenPair>;
}

/** What {@link createLogin} needs. */
export interface LoginDependencies {
  db: Kysely<AuthTables>;
  passwords: Passwords;
  limits: AttemptLimits;
  secondFactor: SecondFactor;
  sessions: Pick<Sessions, "open">;
  audit: AuditLog;
  requireVerifiedEmail: boolean;
}

type ProvenCredentials = Credentials & { passwordHash: string };

/** Creates the rules. */
export function createLogin(dependencies: LoginDependencies): Login {
  const { db, passwords, limits, secondFactor, sessions, audit } = dependencies;

  return {
    async login(request, actor, signal) {
      const email = emailAddress.safeParse(request.email);
      // What is no address belongs to no account: only the limit of the client counts it.
      const account = email.success ? { account: email.data.canonical } : {};
      const attempt = { kind: "login", address: actor.origin.address, ...account } as const;
      await limits.admit(attempt);
      const credentials = email.success ? await findCredentials(db, email.data.canonical) : undefined;
      return recordFailure(credentials?.userId, actor, async () => {
        const matches = await passwords.matches(request.password, credentials?.passwordHash, signal);
        if (!matches || !hasPassword(credentials)) {
          await limits.failed(attempt);
          throw invalidCredentials();
        }
        await limits.succeeded(attempt);
        requireUsable(credentials);
        const method = await proveSecondFactor(credentials.userId, request.code, actor);
        return open(credentials, { password: request.password, method, actor, signal });
      });
    },
  };

  /** Only who knows the password hears of the state of the account. */
  function requireUsable({ disabled, emailVerified }: Credentials): void {
    if (disabled) throw permissionDenied("ACCOUNT_DISABLED", "The account is closed.");
    if (dependencies.requireVerifiedEmail && !emailVerified) {
      throw permissionDenied(
        "EMAIL_NOT_VERIFIED",
        "Confirm your e-mail address first, with the link sent to you; a password reset sends another.",
      );
    }
  }

  async function proveSecondFactor(userId: string, code: string, actor: Actor): Promise<SessionMethod> {
    if (!(await secondFactor.isEnabled(userId))) return "password";
    if (code === "") throw unauthenticated("TWO_FACTOR_REQUIRED", "The account asks for a code, too.");
    const attempt = { kind: "code", address: actor.origin.address, account: userId } as const;
    await limits.admit(attempt);
    // The stranger has shown the password by now: what is done with the code counts as the user's own act.
    if (!(await secondFactor.accept(userId, code, { ...actor, name: userId }))) {
      await limits.failed(attempt);
      throw unauthenticated("INVALID_CODE", "The code is wrong, or was used before.");
    }
    await limits.succeeded(attempt);
    return "two-factor";
  }

  async function open(
    { userId, passwordHash }: ProvenCredentials,
    proof: { password: string; method: SessionMethod; actor: Actor; signal: AbortSignal | undefined },
  ): Promise<TokenPair> {
    const current = await refreshHash(userId, passwordHash, proof);
    const { origin } = proof.actor;
    return sessions.open({ userId, method: proof.method, origin, passwordHash: current });
  }

  /**
   * Hashes the password anew when its hash was made at another cost than the settings ask for: now is the only time
   * that the password is known.
   */
  async function refreshHash(
    userId: string,
    passwordHash: string,
    { password, signal }: { password: string; signal: AbortSignal | undefined },
  ): Promise<string> {
    if (passwords.isCurrent(passwordHash)) return passwordHash;
    // Where the hasher has too much to do, a later login will see to it.
    const renewed = await passwords.hash(password, signal).catch(() => undefined);
    if (renewed === undefined) return passwordHash;
    const replaced = await replacePasswordHash(db, { userId, from: passwordHash, to: renewed });
    if (replaced) return renewed;
    // Another login was faster, or the password was changed.
    return (await isStillRight(userId, password, signal)) ?? passwordHash;
  }

  async function isStillRight(
    userId: string,
    password: string,
    signal: AbortSignal | undefined,
  ): Promise<string | undefined> {
    const found = await findCredentialsOf(db, userId);
    const matches = await passwords.matches(password, found?.passwordHash, signal);
    return matches ? (found?.passwordHash ?? undefined) : undefined;
  }

  /** What is tried in vain stands in the audit log, with the account if there is one, never with the address typed. */
  async function recordFailure<Result>(
    userId: string | undefined,
    actor: Actor,
    work: () => Promise<Result>,
  ): Promise<Result> {
    try {
      return await work();
    } catch (error) {
      const { reason } = AppError.from(error);
      if (audited.has(reason))
        await audit.record(db, { actor, action: "session.opened", userId, failure: reason });
      throw error;
    }
  }
}

/** The rest is trouble of ours, recorded by the limits, or, as TWO_FACTOR_REQUIRED, a step on the way. */
const audited: ReadonlySet<string> = new Set([
  "INVALID_CREDENTIALS",
  "ACCOUNT_DISABLED",
  "EMAIL_NOT_VERIFIED",
  "INVALID_CODE",
]);

function hasPassword(credentials: Credentials | undefined): credentials is ProvenCredentials {
  return typeof credentials?.passwordHash === "string";
}

function invalidCredentials(): Error {
  return unauthenticated("INVALID_CREDENTIALS", "The e-mail address or the password is wrong.");
}
