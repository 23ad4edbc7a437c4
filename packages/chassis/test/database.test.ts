import { setTimeout as delay } from "node:timers/promises";
import { startNativePostgres } from "@ocelli/testkit";
import { sql } from "kysely";
import { Status } from "nice-grpc-common";
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
    const outage = { status: "rejected", reason: expect.objectContaining({ reason: "STORE_UNAVAILABLE" }) };
    expect(await failed).toEqual([outage, outage]);
    await expect(database.ping()).rejects.toMatchObject({ code: Status.UNAVAILABLE, retryAfterMs: 1_000 });
    await postgres.restart();
    await database.ping();
  } finally {
    await database.close();
    await postgres.stop();
  }
}, 60_000);

test("transactions that block each other end for one of them with an error that says: try again; others stay as they are", async () => {
  const postgres = await startNativePostgres();
  const database = openDatabase<{ places: { id: number; n: number } }>({
    url: postgres.url,
    schema: "public",
  });
  const { db } = database;
  try {
    await sql`create table places (id integer primary key, n integer not null)`.execute(db);
    await db
      .insertInto("places")
      .values([
        { id: 1, n: 0 },
        { id: 2, n: 0 },
      ])
      .execute();
    let holding = 0;
    const bothHold = Promise.withResolvers<void>();
    const count = (first: number, second: number) =>
      db.transaction().execute(async (trx) => {
        await sql`update places set n = n + 1 where id = ${first}`.execute(trx);
        holding += 1;
        if (holding === 2) bothHold.resolve();
        await bothHold.promise;
        await sql`update places set n = n + 1 where id = ${second}`.execute(trx);
      });
    const ends = await Promise.allSettled([count(1, 2), count(2, 1)]);
    const failures = ends.flatMap((end) => (end.status === "rejected" ? [end.reason] : []));
    expect(failures).toEqual([expect.objectContaining({ reason: "STORE_UNAVAILABLE" })]);
    await expect(db.insertInto("places").values({ id: 1, n: 0 }).execute()).rejects.toMatchObject({
      code: "23505",
    });
  } finally {
    await database.close();
    await postgres.stop();
  }
}, 60_000);

test("a database at work is there, although the ping itself would have to wait for a connection", async () => {
  const postgres = await startNativePostgres();
  const database = openDatabase<Record<string, never>>({
    url: postgres.url,
    schema: "public",
    maxConnections: 1,
  });
  try {
    // One query after another, half a second each: the ping's own turn comes after all of them.
    const busy = Array.from({ length: 6 }, () => sql`select pg_sleep(0.5)`.execute(database.db));
    await database.ping();
    expect(database.pool().waiting).toBeGreaterThan(0);
    await Promise.all(busy);
    // One that lasts, and nothing else that is answered: nobody knows.
    await delay(2_100);
    const stuck = sql`select pg_sleep(2.5)`.execute(database.db);
    await expect(database.ping()).rejects.toThrow("did not answer");
    await stuck;
  } finally {
    await database.close();
    await postgres.stop();
  }
}, 60_000);
