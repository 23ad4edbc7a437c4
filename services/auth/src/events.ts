import { appendEvent } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import type { Transaction } from "kysely";
import type { AuthTables } from "./store/tables.ts";

/** Says that an account exists now. */
export async function emitUserCreated(trx: Transaction<AuthTables>, userId: string): Promise<void> {
  await appendEvent(trx, { type: events.userCreated, message: { userId } });
}

/** Says that a session ended before its time. */
export async function emitSessionRevoked(
  trx: Transaction<AuthTables>,
  session: { sessionId: string; userId: string },
): Promise<void> {
  await appendEvent(trx, { type: events.sessionRevoked, message: session });
}
