import { appendEvent } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Kysely, Transaction } from "kysely";
import { insertRevocations, listRevocations } from "./store/revocations.ts";
import type { AuthTables } from "./store/tables.ts";

/** What access rests on, and whose it is. */
export type RevokedGrant =
  | { kind: "session"; id: string; userId: string }
  | { kind: "api-key"; id: string; userId: string }
  | { kind: "service-account"; id: string };

// The longest life that AUTH_ACCESS_TOKEN_LIFETIME allows, and some more for clocks that disagree.
const relevantMs = 65 * 60_000;
const maxListed = 50_000;

/** Ends access tokens of grants: marks them in the caller's transaction and tells every service. */
export async function revokeGrants(
  trx: Transaction<AuthTables>,
  grants: readonly RevokedGrant[],
  at: Date,
): Promise<void> {
  await insertRevocations(
    trx,
    grants.map((grant) => grant.id),
    at,
  );
  for (const grant of grants) await emit(trx, grant);
}

/** Grants whose access tokens may still look valid, newest first. */
export function currentRevocations(
  db: Kysely<AuthTables>,
  at: Date,
): Promise<Array<{ grantId: string; revokedAt: Date }>> {
  return listRevocations(db, new Date(at.getTime() - relevantMs), maxListed);
}

async function emit(trx: Transaction<AuthTables>, grant: RevokedGrant): Promise<void> {
  if (grant.kind === "session") {
    await appendEvent(trx, {
      type: events.sessionRevoked,
      message: { sessionId: grant.id, userId: grant.userId },
    });
  } else if (grant.kind === "api-key") {
    await appendEvent(trx, {
      type: events.apiKeyRevoked,
      message: { apiKeyId: grant.id, userId: grant.userId },
    });
  } else {
    await appendEvent(trx, { type: events.serviceAccountRevoked, message: { serviceAccountId: grant.id } });
  }
}
