import type { Kysely } from "kysely";
import type { Actor } from "./actor.ts";
import { insertAuditEntry } from "./store/audit.ts";
import type { AuthTables } from "./store/tables.ts";

/** Everything that is recorded. */
export type AuditAction =
  | "account.created"
  | "account.updated"
  | "account.disabled"
  | "account.enabled"
  | "account.deleted"
  | "account.role-changed"
  | "session.opened"
  | "session.revoked"
  | "session.reuse-detected"
  | "password.changed"
  | "password.reset-requested"
  | "password.reset"
  | "email.verified"
  | "email.change-requested"
  | "two-factor.enabled"
  | "two-factor.disabled"
  | "two-factor.recovery-used"
  | "two-factor.recovery-replaced"
  | "identity.linked"
  | "identity.unlinked"
  | "api-key.created"
  | "api-key.deleted"
  | "service-account.created"
  | "service-account.deleted"
  | "signing-keys.rotated"
  | "limit.blocked";

/** What happened. */
export interface AuditRecord {
  actor: Actor;
  action: AuditAction;
  /** Account it was done to. */
  userId?: string | undefined;
  /** Id of the session, key or service account in question. */
  targetId?: string;
  /** UPPER_SNAKE reason of a failure; absent for a success. */
  failure?: string;
  /** What changed, in a word or two; never a secret, an address or a name. */
  change?: string;
}

/** Writes the audit log. */
export interface AuditLog {
  /**
   * Records what happened: give the transaction of the effect, so that neither is without the other. Failures are
   * recorded outside of any transaction, which would be rolled back.
   */
  record(db: Kysely<AuthTables>, record: AuditRecord): Promise<void>;
}

/** Creates the log. */
export function createAuditLog({ now, newId }: { now: () => Date; newId: () => string }): AuditLog {
  return {
    record: (db, { actor, action, userId, targetId = "", failure, change = "" }) =>
      insertAuditEntry(db, {
        id: newId(),
        at: now(),
        actor: actor.name,
        action,
        subjectUserId: userId,
        targetId,
        outcome: failure === undefined ? "success" : "failure",
        reason: failure ?? change,
        ...actor.origin,
      }),
  };
}
