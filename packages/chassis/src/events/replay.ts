import { type Kysely, sql } from "kysely";
import { type EventTables, eventTables } from "./tables.ts";

/**
 * Publishes sent events again. Consumers skip what their inbox remembers; see {@link forgetProcessed}.
 * @returns how many events will be sent.
 */
export async function replayOutbox<Tables extends EventTables>(
  db: Kysely<Tables>,
  filter: { since?: Date; subject?: string } = {},
): Promise<number> {
  let update = eventTables(db).updateTable("outbox").set({ sent_at: null }).where("sent_at", "is not", null);
  if (filter.since) update = update.where("created_at", ">=", filter.since);
  if (filter.subject) update = update.where("subject", "=", filter.subject);
  const result = await update.executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/**
 * Asks for dead letters to be handled again; their consumer picks them up within seconds, wherever it runs.
 * @returns how many were marked.
 */
export async function replayDeadLetters<Tables extends EventTables>(
  db: Kysely<Tables>,
  filter: { consumer?: string } = {},
): Promise<number> {
  let update = eventTables(db)
    .updateTable("dead_letters")
    .set({ replay_requested_at: sql<Date>`now()`, replay_started_at: null })
    .where("replay_requested_at", "is", null);
  if (filter.consumer) update = update.where("consumer", "=", filter.consumer);
  const result = await update.executeTakeFirst();
  return Number(result.numUpdatedRows);
}

/**
 * Makes a consumer forget what it has processed, so that a replay rebuilds its effects.
 * @returns how many events it forgot.
 */
export async function forgetProcessed<Tables extends EventTables>(
  db: Kysely<Tables>,
  filter: { consumer: string; since?: Date },
): Promise<number> {
  let forget = eventTables(db).deleteFrom("inbox").where("consumer", "=", filter.consumer);
  if (filter.since) forget = forget.where("processed_at", ">=", filter.since);
  const result = await forget.executeTakeFirst();
  return Number(result.numDeletedRows);
}

/** A delivery that was given up, without what the event said. */
export interface DeadLetter {
  eventId: string;
  consumer: string;
  subject: string;
  /** Reason of the error that ended it. */
  reason: string;
  attempts: number;
  createdAt: Date;
  /** Whether somebody asked for it to be handled again and it still waits. */
  replayRequested: boolean;
}

/** The newest dead letters of a store, at most `limit`. */
export async function listDeadLetters<Tables extends EventTables>(
  db: Kysely<Tables>,
  limit: number,
): Promise<DeadLetter[]> {
  const rows = await eventTables(db)
    .selectFrom("dead_letters")
    .select(["event_id", "consumer", "subject", "reason", "attempts", "created_at", "replay_requested_at"])
    .orderBy("created_at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
  return rows.map((row) => ({
    eventId: row.event_id,
    consumer: row.consumer,
    subject: row.subject,
    reason: row.reason,
    attempts: row.attempts,
    createdAt: row.created_at,
    replayRequested: row.replay_requested_at !== null,
  }));
}
