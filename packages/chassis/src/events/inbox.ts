import type { Kysely } from "kysely";
import { type EventTables, eventTables } from "./tables.ts";

/**
 * Claims an event for a consumer inside the transaction of its effect, which makes redeliveries harmless.
 * @returns false when the consumer has had its effect already; then do nothing.
 */
export async function claimEvent<Tables extends EventTables>(
  trx: Kysely<Tables>,
  consumer: string,
  eventId: string,
): Promise<boolean> {
  const claimed = await eventTables(trx)
    .insertInto("inbox")
    .values({ consumer, event_id: eventId })
    .onConflict((conflict) => conflict.columns(["consumer", "event_id"]).doNothing())
    .returning("event_id")
    .executeTakeFirst();
  return claimed !== undefined;
}

/** True when {@link claimEvent} was committed before; spares the work, decides nothing. */
export async function isProcessed<Tables extends EventTables>(
  db: Kysely<Tables>,
  consumer: string,
  eventId: string,
): Promise<boolean> {
  const row = await eventTables(db)
    .selectFrom("inbox")
    .select("event_id")
    .where("consumer", "=", consumer)
    .where("event_id", "=", eventId)
    .executeTakeFirst();
  return row !== undefined;
}
