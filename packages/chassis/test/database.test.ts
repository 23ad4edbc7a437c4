import { setTimeout as delay } from "node:timers/promises";
import { startNativePostgres } from "@ocelli/testkit";
import { sql } from "kysely";
import { expect, test } from "vitest";
import { openDatabase } from "../src/database/database.ts";

// An error that nobody hears would end the test run, as it would end a service.
test("a Postgres that dies fails the transactions in hand, ends no process, and is used again once back", async () => {
  const postgres = await startNativePostgres();
  const database = openDatabase<Record<string, never>>({ url: postgres.url, schema: "public" });
  try {
    const killed = Promise.withResolvers<void>();
    const between = database.db.transaction().execute(async (trx) => {
      await sql`select 1`.execute(trx);
      await killed.promise;
      // The connection has broken while no query was on it.
      await delay(500);
      await sql`select 1`.execute(trx);
    });
    const asleep = sql`select pg_sleep(60)`.execute(database.db);
    const failed = Promise.allSettled([between, asleep]);
    await delay(200);
    await postgres.kill();
    killed.resolve();
    expect((await failed).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    await expect(database.ping()).rejects.toThrow();
    await postgres.restart();
    await database.ping();
  } finally {
    await database.close();
    await postgres.stop();
  }
}, 60_000);
