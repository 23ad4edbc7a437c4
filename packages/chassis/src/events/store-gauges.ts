import { type Kysely, sql } from "kysely";
import type { Metrics } from "../telemetry/metrics.ts";
import type { Sample } from "../telemetry/sampling.ts";
import type { EventTables } from "./tables.ts";

/** What {@link sampleEventStore} stands on. */
export interface EventStoreSample<Tables extends EventTables> {
  db: Kysely<Tables>;
  /** Schema of the tables, which is the name of the service. */
  schema: string;
  /** Consumers whose dead letters lie there, as far as known. */
  consumers: () => readonly string[];
  metrics: Pick<Metrics, "outboxUnsent" | "outboxOldest" | "deadLetters">;
}

interface Row {
  unsent: number;
  /** Seconds; null when nothing is unsent. */
  oldest: number | null;
  dead: Record<string, number> | null;
}

/**
 * Reads, in one query, how far an outbox lags and how many dead letters there are. The rows that wait have an index of
 * their own, and counting ends at ten thousand: a deep backlog costs no more to look at.
 */
export function sampleEventStore<Tables extends EventTables>(options: EventStoreSample<Tables>): Sample {
  const { db, schema, metrics } = options;
  const outbox = sql.id(schema, "outbox");
  const letters = sql.id(schema, "dead_letters");
  const query = sql<Row>`
    select
      (select count(*) from (select from ${outbox} where sent_at is null limit 10000) waiting) as unsent,
      (select greatest(0, extract(epoch from now() - created_at))::float8 from ${outbox}
        where sent_at is null order by id limit 1) as oldest,
      (select json_object_agg(consumer, letters) from
        (select consumer, count(*) as letters from (select consumer from ${letters} limit 10000) found
          group by consumer) counted) as dead`;
  return async () => {
    const { rows } = await query.execute(db);
    const [row] = rows;
    if (!row) return;
    metrics.outboxUnsent.set({ store: schema }, row.unsent);
    metrics.outboxOldest.set({ store: schema }, row.oldest ?? 0);
    for (const consumer of new Set([...options.consumers(), ...Object.keys(row.dead ?? {})])) {
      metrics.deadLetters.set({ consumer }, row.dead?.[consumer] ?? 0);
    }
  };
}
