import { events } from "@ocelli/contracts";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { Database } from "../../src/database/database.ts";
import { appendEvent, appendEvents, createEventEraser, deletePhotoEvents } from "../../src/index.ts";
import { log, openTestStore, type TestTables, until } from "./harness.ts";

let server: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let database: Database<TestTables>;
const [gone, kept, ownerId] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];

beforeAll(async () => {
  server = await startEmbeddedDatabase();
  database = await openTestStore(server.url);
});

afterAll(async () => {
  await database?.close();
  await server?.close();
});

const erase = (signal = new AbortController().signal) =>
  deletePhotoEvents(
    database.db,
    { schema: database.schema, signal },
    (photoId) => sql`${photoId} = ${gone}::uuid`,
  );

/** Subjects of what the outbox holds, sorted. */
async function subjects(): Promise<string[]> {
  const rows = await database.db.selectFrom("outbox").select("subject").orderBy("subject").execute();
  return rows.map(({ subject }) => subject);
}

test("events of a photo that is gone are erased, but for the one that says so", async () => {
  const { db } = database;
  // The reference takes one byte of length without the hash, and two with it.
  const short = { photoId: gone, ownerId };
  const long = { ...short, sha256: "a".repeat(64) };
  for (const photo of [short, long]) {
    await appendEvent(db, { type: events.photoReady, message: { photo, filename: "secret.png" } });
    await appendEvent(db, { type: events.photoCaptioned, message: { photo } });
  }
  await appendEvent(db, { type: events.photoDeleted, message: { photo: long } });
  // Others that name the photo elsewhere than at their beginning, or not at all.
  await appendEvent(db, {
    type: events.photoReady,
    message: { photo: { ...long, photoId: kept }, filename: `\n$${gone}` },
  });
  await appendEvent(db, { type: events.jobFinished, message: { jobId: gone } });
  await appendEvent(db, { type: events.photoReady, message: { photo: { ...short, photoId: "no id" } } });
  await db
    .insertInto("outbox")
    .values({ id: crypto.randomUUID(), subject: "x", payload: Buffer.of(10) })
    .execute();

  await erase();
  const { subject: ready } = events.photoReady;
  const others = [events.photoDeleted.subject, events.jobFinished.subject, ready, ready, "x"];
  expect(await subjects()).toEqual(others.toSorted());
});

test("an eraser begins with what an earlier process left, and goes over many pages", async () => {
  const { db } = database;
  const photo = { photoId: gone, ownerId };
  await appendEvents(db, events.photoCaptioned, Array(2_500).fill({ photo }));
  const before = (await subjects()).length;
  const eraser = createEventEraser({ erase, log });
  await until(async () => (await subjects()).length === before - 2_500);
  await appendEvent(db, { type: events.photoCaptioned, message: { photo } });
  eraser.kick();
  await until(async () => (await subjects()).length === before - 2_500);
  await eraser.stop();
  // Stopped, it does nothing any more.
  eraser.kick();
});
