import { notFound, type Relay, withOutbox } from "@ocelli/chassis";
import type { Kysely } from "kysely";
import { operator } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import type { Mailer } from "./mail/mailer.ts";
import { removeSecondFactor } from "./second-factor-removal.ts";
import type { AuthTables } from "./store/tables.ts";
import { lockCredentials } from "./store/users.ts";

/** What the command line can do about second factors, for users who lost theirs and the recovery codes as well. */
export interface OperatorSecondFactor {
  /**
   * Takes the second factor and its recovery codes off an account, and tells the user by e-mail; sessions stay.
   * @throws AppError NOT_FOUND/USER_NOT_FOUND, FAILED_PRECONDITION/TWO_FACTOR_NOT_ENABLED.
   */
  reset(userId: string): Promise<void>;
}

/** What {@link createOperatorSecondFactor} needs. */
export interface OperatorSecondFactorDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  mailer: Mailer;
}

/** Creates it. */
export function createOperatorSecondFactor(
  dependencies: OperatorSecondFactorDependencies,
): OperatorSecondFactor {
  const { db, relay } = dependencies;
  return {
    reset: (userId) =>
      withOutbox(db, relay, async (trx) => {
        if (!(await lockCredentials(trx, userId))) {
          throw notFound("USER_NOT_FOUND", "There is no such account.");
        }
        await removeSecondFactor(trx, dependencies, { userId, actor: operator });
      }),
  };
}
