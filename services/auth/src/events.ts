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
