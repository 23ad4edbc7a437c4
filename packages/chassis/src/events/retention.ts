import { type Kysely, sql } from "kysely";
import { type EventTables, eventTables } from "./tables.ts";

/** How long the bookkeeping of events is kept. */
export interface Retention {
  /** Sent outbox rows: the span over which a lost stream can be replayed. Default 7 days. */
  outboxRetentionMs: number;
  /** Inbox rows; longer than anything can be replayed, or a replay would repeat effects. Default 14 days. */
  inboxRetentionMs: number;
}

const dayMs = 86_400_000;

/** Deletes sent outbox rows and inbox rows beyond their retention. */
export async function purgeEvents<Tables extends EventTables>(
  db: Kysely<Tables>,
  retention: Partial<Retention> = {},
): Promise<void> {
  const tables = eventTables(db);
  const before = (ms: number) => sql<Date>`now() - ${ms} * interval '1 millisecond'`;
  await tables
    .deleteFrom("outbox")
    .where("sent_at", "<", before(retention.outboxRetentionMs ?? 7 * dayMs))
    .execute();
  await tables
    .deleteFrom("inbox")
    .where("processed_at", "<", before(retention.inboxRetentionMs ?? 14 * dayMs))
    .execute();
}
