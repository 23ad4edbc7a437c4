import { randomUUID } from "node:crypto";
import type { Kysely } from "kysely";
import pino from "pino";
import type { Database } from "../../src/database/database.ts";
import { type BusEvent, type EventTables, eventTablesMigration, newEventId } from "../../src/events/index.ts";
import { migrate, openDatabase } from "../../src/index.ts";

/** Tables of the pretend service of these tests. */
export interface TestTables extends EventTables {
  effects: { event_id: string };
}

export const log = pino({ level: "silent" });

/** A fresh schema with the tables of events and one for effects, which allows repeats on purpose. */
export async function openTestStore(url: string): Promise<Database<TestTables>> {
  const schema = `events_${randomUUID().replaceAll("-", "").slice(0, 12)}`;
  const database = openDatabase<TestTables>({ url, schema, maxConnections: 4 });
  await migrate(database, {
    "001_events": eventTablesMigration,
    "002_effects": {
      up: async (db) => {
        await db.schema.createTable("effects").addColumn("event_id", "uuid").execute();
      },
    },
  });
  return database;
}

export function makeEvent(subject = "ocelli.test.thing.done"): BusEvent {
  return { id: newEventId(), subject, payload: new TextEncoder().encode("payload") };
}

export async function countEffects(db: Kysely<TestTables>): Promise<number> {
  return (await db.selectFrom("effects").selectAll().execute()).length;
}

/** Waits until the check holds; fails after `timeoutMs`. */
export async function until(check: () => boolean | Promise<boolean>, timeoutMs = 8_000): Promise<void> {
  const deadline = performance.now() + timeoutMs;
  while (!(await check())) {
    if (performance.now() > deadline) throw new Error(`not true within ${timeoutMs} ms: ${check}`);
    await new Promise((resolve) => setTimeout(resolve, 15));
  }
}

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
