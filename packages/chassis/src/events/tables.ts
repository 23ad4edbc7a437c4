import { type ColumnType, type Generated, type Kysely, sql } from "kysely";

/** The tables that every service with events keeps in its own schema, beside its own. */
export interface EventTables {
  outbox: {
    /** UUIDv7, so that ordering by id is roughly ordering by time. */
    id: string;
    subject: string;
    /** Encoded protobuf message. */
    payload: ColumnType<Buffer, Uint8Array, never>;
    /** W3C trace context of the writing transaction. */
    traceparent: string | null;
    created_at: Generated<Date>;
    /** Null until the transport has it. */
    sent_at: Date | null;
  };
  inbox: { consumer: string; event_id: string; processed_at: Generated<Date> };
  dead_letters: {
    id: string;
    consumer: string;
    event_id: string;
    subject: string;
    payload: ColumnType<Buffer, Uint8Array, never>;
    traceparent: string | null;
    /** Reason of the {@link AppError} that ended it. */
    reason: string;
    message: string;
    attempts: number;
    created_at: Generated<Date>;
    /** Set by an operator; the consumer picks it up. */
    replay_requested_at: Date | null;
    /** When a replica took the replay; taken again when that replica died. */
    replay_started_at: Date | null;
  };
  relay_lease: { service: string; owner: string; expires_at: Date };
}

/** A service's own tables and those of events in one database handle. */
export function eventTables<Tables extends EventTables>(db: Kysely<Tables>): Kysely<EventTables> {
  // Kysely is invariant in its tables although every query on the smaller set is valid on the larger one.
  return db as unknown as Kysely<EventTables>;
}

/** Creates the tables of {@link EventTables}; one entry of a service's migrations. */
export const eventTablesMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await db.schema
      .createTable("outbox")
      .addColumn("id", "uuid", (column) => column.primaryKey())
      .addColumn("subject", "text", (column) => column.notNull())
      .addColumn("payload", "bytea", (column) => column.notNull())
      .addColumn("traceparent", "text")
      .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .addColumn("sent_at", "timestamptz")
      .execute();
    await db.schema
      .createIndex("outbox_unsent")
      .on("outbox")
      .column("id")
      .where(sql.ref("sent_at"), "is", null)
      .execute();
    await db.schema
      .createTable("inbox")
      .addColumn("consumer", "text", (column) => column.notNull())
      .addColumn("event_id", "uuid", (column) => column.notNull())
      .addColumn("processed_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
      .addPrimaryKeyConstraint("inbox_pkey", ["consumer", "event_id"])
      .execute();
    await createDeadLetters(db);
    await db.schema
      .createTable("relay_lease")
      .addColumn("service", "text", (column) => column.primaryKey())
      .addColumn("owner", "uuid", (column) => column.notNull())
      .addColumn("expires_at", "timestamptz", (column) => column.notNull())
      .execute();
  },
};

async function createDeadLetters(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("dead_letters")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("consumer", "text", (column) => column.notNull())
    .addColumn("event_id", "uuid", (column) => column.notNull())
    .addColumn("subject", "text", (column) => column.notNull())
    .addColumn("payload", "bytea", (column) => column.notNull())
    .addColumn("traceparent", "text")
    .addColumn("reason", "text", (column) => column.notNull())
    .addColumn("message", "text", (column) => column.notNull())
    .addColumn("attempts", "integer", (column) => column.notNull())
    .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addColumn("replay_requested_at", "timestamptz")
    .addColumn("replay_started_at", "timestamptz")
    .addUniqueConstraint("dead_letters_consumer_event_key", ["consumer", "event_id"])
    .execute();
}
