import { appendEvent } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import type { AuthTables } from "./store/tables.ts";

/** Says that an account exists now. */
export async function emitUserCreated(trx: Transaction<AuthTables>, userId: string): Promise<void> {
  await appendEvent(trx, { type: events.userCreated, message: { userId } });
}

/** Says that an account is gone: every service deletes what it owned. */
export async function emitUserDeleted(trx: Transaction<AuthTables>, userId: string): Promise<void> {
  await appendEvent(trx, { type: events.userDeleted, message: { userId } });
}

/** Says that an account went to the owner of its address: what whoever had it gave to others is taken back. */
export async function emitUserDispossessed(trx: Transaction<AuthTables>, userId: string): Promise<void> {
  await appendEvent(trx, { type: events.userDispossessed, message: { userId } });
}

/**
 * Says whether an account is closed or open. Call under the lock of its row: of two such events the one with the later
 * id counts.
 */
export async function emitUserClosure(
  trx: Transaction<AuthTables>,
  userId: string,
  isDisabled: boolean,
): Promise<void> {
  const type = isDisabled ? events.userDisabled : events.userEnabled;
  await appendEvent(trx, { type, message: { userId } });
}
