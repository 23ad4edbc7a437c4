import { type Relay, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { hashRecoveryCode, normalizeRecoveryCode } from "./recovery-codes.ts";
import { countRecoveryCodes, findSecondFactor, useRecoveryCode, useStep } from "./store/second-factors.ts";
import type { AuthTables } from "./store/tables.ts";
import { findUser } from "./store/users.ts";
import { isTotpCode, stepOf } from "./totp.ts";
import type { TotpSecrets } from "./totp-secrets.ts";

/** The part of two-factor authentication that a login needs. */
export interface SecondFactor {
  /** Whether logins of the account ask for a code. */
  isEnabled(userId: string): Promise<boolean>;
  /**
   * Accepts a code of the authenticator, or a recovery code, each once; the use of a recovery code is audited, and
   * its user is told.
   * How often one may try is the caller's to limit (kind `code`).
   * @returns which of both it was; `undefined` for a wrong code.
   */
  accept(userId: string, code: string, actor: Actor): Promise<"totp" | "recovery" | undefined>;
}

/** What {@link createSecondFactor} needs. */
export interface SecondFactorDependencies {
  db: Kysely<AuthTables>;
  /** Kicked when mail was queued. */
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  mailer: Mailer;
  secrets: TotpSecrets;
  now: () => Date;
}

const maxCodeLength = 64;

/** Creates the check of codes. */
export function createSecondFactor(dependencies: SecondFactorDependencies): SecondFactor {
  const { db, relay, audit, mailer, secrets, now } = dependencies;

  async function acceptTotp(userId: string, code: string): Promise<boolean> {
    const stored = await findSecondFactor(db, userId);
    if (!stored?.confirmedAt) return false;
    const step = stepOf(secrets.fromStored(userId, stored), code, now());
    return step !== undefined && (await useStep(db, { userId, secret: stored.secret, step }));
  }

  async function acceptRecovery(userId: string, normalized: string, actor: Actor): Promise<boolean> {
    return withOutbox(db, relay, async (trx) => {
      const used = await useRecoveryCode(trx, userId, hashRecoveryCode(normalized));
      if (!used) return false;
      await audit.record(trx, { actor, action: "two-factor.recovery-used", userId });
      await tell(trx, userId);
      return true;
    });
  }

  async function tell(trx: Transaction<AuthTables>, userId: string): Promise<void> {
    const user = await findUser(trx, userId);
    if (!user) return;
    const left = await countRecoveryCodes(trx, userId);
    const mail = { template: "recovery-code-used", name: user.name, left } as const;
    await mailer.queue(trx, { email: user.email, userId }, mail);
  }

  return {
    async isEnabled(userId) {
      return Boolean((await findSecondFactor(db, userId))?.confirmedAt);
    },

    async accept(userId, code, actor) {
      if (code.length > maxCodeLength) return undefined;
      const digits = code.replace(/\s/g, "");
      if (isTotpCode(digits)) return (await acceptTotp(userId, digits)) ? "totp" : undefined;
      const recovery = normalizeRecoveryCode(code);
      if (recovery === undefined) return undefined;
      return (await acceptRecovery(userId, recovery, actor)) ? "recovery" : undefined;
    },
  };
}
