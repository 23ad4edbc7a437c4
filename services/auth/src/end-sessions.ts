import { isUuid, notFound, permissionDenied, type Relay, withOutbox } from "@ocelli/chassis";
import type { Kysely, Transaction } from "kysely";
import type { Actor } from "./actor.ts";
import type { AuditLog } from "./audit.ts";
import { revokeSessions } from "./session-revocation.ts";
import type { AuthTables } from "./store/tables.ts";
import { isActiveAdmin, lockUser } from "./store/user-admin.ts";

/**
 * Ends every session of somebody's account at once and returns which; the account stays open, and its API keys work on.
 * For administrators, who may end their own as well.
 * @throws AppError NOT_FOUND/USER_NOT_FOUND, PERMISSION_DENIED/ADMIN_REQUIRED.
 */
export type EndSessions = (userId: string, caller: { actor: Actor; isAdmin: boolean }) => Promise<string[]>;

/** What {@link createEndSessions} needs. */
export interface EndSessionsDependencies {
  db: Kysely<AuthTables>;
  relay: Pick<Relay, "kick">;
  audit: AuditLog;
  now: () => Date;
}

/** Creates the rule. */
export function createEndSessions({ db, relay, audit, now }: EndSessionsDependencies): EndSessions {
  async function end(trx: Transaction<AuthTables>, userId: string, actor: Actor): Promise<string[]> {
    // The lock lets no login slip in between: its session is among these, or was opened afterwards.
    if (!(await lockUser(trx, userId))) throw notFound("USER_NOT_FOUND", "There is no such account.");
    const ended = await revokeSessions(trx, { userId, reason: "revoked", at: now() });
    await audit.record(trx, { actor, action: "session.revoked", userId, change: `all ${ended.length}` });
    return ended;
  }

  return async (userId, { actor, isAdmin }) => {
    if (!isUuid(userId)) throw notFound("USER_NOT_FOUND", "There is no such account.");
    // A token still says administrator for a moment after its user was one.
    const isStillAdmin = isAdmin && (!isUuid(actor.name) || (await isActiveAdmin(db, actor.name)));
    if (!isStillAdmin) {
      await audit.record(db, { actor, action: "session.revoked", userId, failure: "ADMIN_REQUIRED" });
      throw permissionDenied("ADMIN_REQUIRED", "Only administrators may do this.");
    }
    return withOutbox(db, relay, (trx) => end(trx, userId, actor));
  };
}
