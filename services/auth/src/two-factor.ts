import { failedPrecondition, type Relay, unauthenticated, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { Attempt, AttemptLimits } from "./attempt-limits.ts";
import type { AuditAction, AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { requireRecentLogin, type SessionUser } from "./recent-login.ts";
import { hashRecoveryCode, newRecoveryCodes, normalizeRecoveryCode } from "./recovery-codes.ts";
import type { SecondFactor } from "./second-factor.ts";
import { removeSecondFactor, tellTwoFactorChange, twoFactorNotEnabled } from "./second-factor-removal.ts";
import {
  confirmEnrolment,
  countRecoveryCodes,
  findSecondFactor,
  hasPassword,
  putEnrolment,
  replaceRecoveryCodes,
} from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";
import { findUser } from "./store/users.ts";
import { newTotpSecret, stepOf, totpUri } from "./totp.ts";
import type { TotpSecrets } from "./totp-secrets.ts";

/** What a request that changes the second factor proves itself with. */
export interface TwoFactorProof {
  password: string;
  code: string;
}

/** Rules of enrolling, and of changing what was enrolled. Every change asks for the password, and for a code. */
export interface TwoFactor {
  /**
   * Begins an enrolment, in place of one that was not confirmed. An account without a password needs a session opened
   * less than 10 minutes ago instead.
   * @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS, PERMISSION_DENIED/RECENT_LOGIN_REQUIRED,
   * FAILED_PRECONDITION/TWO_FACTOR_ALREADY_ENABLED, RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
   */
  begin(user: SessionUser, password: string, actor: Actor): Promise<{ secret: string; otpauthUri: string }>;
  /**
   * Confirms it within 30 minutes and gives the recovery codes, this once.
   * @throws AppError UNAUTHENTICATED/INVALID_CODE, FAILED_PRECONDITION/NO_ENROLMENT,
   * RESOURCE_EXHAUSTED/TOO_MANY_ATTEMPTS.
   */
  confirm(user: SessionUser, code: string, actor: Actor): Promise<string[]>;
  /**
   * Turns the second factor off.
   * @throws AppError like {@link begin}, and UNAUTHENTICATED/INVALID_CODE, FAILED_PRECONDITION/TWO_FACTOR_NOT_ENABLED.
   */
  disable(user: SessionUser, proof: TwoFactorProof, actor: Actor): Promise<void>;
  /** Replaces all recovery codes. @throws AppError like {@link disable}. */
  replaceRecoveryCodes(user: SessionUser, proof: TwoFactorProof, actor: Actor): Promise<string[]>;
  status(userId: string): Promise<{ enabled: boolean; recoveryCodesLeft: number }>;
}

/** What {@link createTwoFactor} needs. */
export interface TwoFactorDependencies {
  db: Kysely<AuthTables>;
  /** Kicked when mail was queued. */
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  limits: AttemptLimits;
  mailer: Mailer;
  secondFactor: SecondFactor;
  /** @throws AppError UNAUTHENTICATED/INVALID_CREDENTIALS for a wrong password. */
  confirmPassword(userId: string, password: string, actor: Actor): Promise<void>;
  secrets: TotpSecrets;
  now: () => Date;
}

const enrolmentMs = 30 * 60_000;

/** Creates the rules. */
export function createTwoFactor(dependencies: TwoFactorDependencies): TwoFactor {
  const { db, relay, audit, limits, secondFactor, secrets, now } = dependencies;

  return {
    async begin(user, password, actor) {
      const { userId } = user;
      await prove(user, password, actor);
      const secret = newTotpSecret();
      const stored = secrets.toStored(userId, secret);
      if (!(await putEnrolment(db, { userId, createdAt: now(), ...stored }))) throw alreadyEnabled();
      const account = await findUser(db, userId);
      return { secret, otpauthUri: totpUri(secret, account?.email ?? userId) };
    },

    async confirm({ userId }, code, actor) {
      const enrolment = await findSecondFactor(db, userId);
      if (!enrolment || enrolment.confirmedAt) throw noEnrolment();
      if (now().getTime() - enrolment.createdAt.getTime() > enrolmentMs) throw noEnrolment();
      const secret = secrets.fromStored(userId, enrolment);
      const step = await limited(userId, actor, "two-factor.enabled", async () =>
        stepOf(secret, code.replace(/\s/g, ""), now()),
      );
      return withOutbox(db, relay, async (trx) => {
        const confirmation = { userId, secret: enrolment.secret, step, confirmedAt: now() };
        // Another confirmation, or another enrolment, came in between.
        if (!(await confirmEnrolment(trx, confirmation))) throw noEnrolment();
        await audit.record(trx, { actor, action: "two-factor.enabled", userId });
        await tellTwoFactorChange(trx, dependencies.mailer, { userId, enabled: true });
        return issueCodes(trx, userId);
      });
    },

    async disable(user, proof, actor) {
      const { userId } = user;
      await proveWithCode(user, proof, actor, "two-factor.disabled");
      await withOutbox(db, relay, async (trx) => {
        await removeSecondFactor(trx, dependencies, { userId, actor });
      });
    },

    async replaceRecoveryCodes(user, proof, actor) {
      await proveWithCode(user, proof, actor, "two-factor.recovery-replaced");
      return db.transaction().execute(async (trx) => {
        const { userId } = user;
        // The lock keeps a second factor that is being turned off from leaving codes behind.
        if (!(await findSecondFactor(trx, userId, { lock: true }))?.confirmedAt) throw twoFactorNotEnabled();
        await audit.record(trx, { actor, action: "two-factor.recovery-replaced", userId });
        return issueCodes(trx, userId);
      });
    },

    async status(userId) {
      const enabled = await secondFactor.isEnabled(userId);
      return { enabled, recoveryCodesLeft: enabled ? await countRecoveryCodes(db, userId) : 0 };
    },
  };

  async function prove(user: SessionUser, password: string, actor: Actor): Promise<void> {
    if (await hasPassword(db, user.userId)) {
      await dependencies.confirmPassword(user.userId, password, actor);
    } else {
      await requireRecentLogin(db, user, now());
    }
  }

  async function proveWithCode(
    user: SessionUser,
    { password, code }: TwoFactorProof,
    actor: Actor,
    action: AuditAction,
  ): Promise<void> {
    await prove(user, password, actor);
    if (!(await secondFactor.isEnabled(user.userId))) throw twoFactorNotEnabled();
    await limited(user.userId, actor, action, () => secondFactor.accept(user.userId, code, actor));
  }

  /** Runs a check of a code under the limits of all such checks. */
  async function limited<Result>(
    userId: string,
    actor: Actor,
    action: AuditAction,
    check: () => Promise<Result | undefined>,
  ): Promise<Result> {
    const attempt: Attempt = { kind: "code", address: actor.origin.address, account: userId };
    await limits.admit(attempt);
    const result = await check();
    if (result !== undefined) {
      await limits.succeeded(attempt);
      return result;
    }
    await limits.failed(attempt);
    await audit.record(db, { actor, action, userId, failure: "INVALID_CODE" });
    throw unauthenticated("INVALID_CODE", "The code is wrong, too old or was used before.");
  }
}

async function issueCodes(trx: Transaction<AuthTables>, userId: string): Promise<string[]> {
  const codes = newRecoveryCodes();
  const hashes = codes.map((code) => hashRecoveryCode(normalizeRecoveryCode(code) ?? code));
  await replaceRecoveryCodes(trx, userId, hashes);
  return codes;
}

function alreadyEnabled(): Error {
  return failedPrecondition("TWO_FACTOR_ALREADY_ENABLED", "Two-factor authentication is on already.");
}

function noEnrolment(): Error {
  return failedPrecondition("NO_ENROLMENT", "There is nothing to confirm; begin the enrolment again.");
}
