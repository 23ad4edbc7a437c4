import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  ConfigError,
  type Database,
  eventTablesMigration,
  inspectSchema,
  type Migrations,
  migrate,
  openDatabase,
  requireCurrentSchema,
} from "../src/index.ts";

let embedded: EmbeddedDatabase;
const opened: Database<unknown>[] = [];

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
});
afterAll(async () => {
  await Promise.all(opened.map((database) => database.close()));
  await embedded.close();
});

function open(schema: string): Database<unknown> {
  const database = openDatabase<unknown>({ url: embedded.url, schema });
  opened.push(database);
  return database;
}

async function tablesOf(schema: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select table_name as name from information_schema.tables where table_schema = ${schema} order by 1`.execute(
    open(schema).db,
  );
  return rows.map(({ name }) => name);
}

const table = (name: string): Migrations[string] => ({
  up: (db) => db.schema.createTable(name).addColumn("id", "integer").execute(),
});

test("starts from empty, goes on from any earlier state, and repeating it does nothing", async () => {
  const database = open("one");
  await migrate(database, { "000_events": eventTablesMigration });
  await migrate(database, { "000_events": eventTablesMigration, "001_cats": table("cats") });
  await migrate(database, { "000_events": eventTablesMigration, "001_cats": table("cats") });
  expect(await tablesOf("one")).toEqual([
    "cats",
    "dead_letters",
    "inbox",
    "migrations",
    "migrations_lock",
    "outbox",
    "relay_lease",
  ]);
});

test("a failing migration names itself and leaves nothing half done", async () => {
  const database = open("two");
  const broken: Migrations = {
    "001_cats": table("cats"),
    "002_dogs": {
      async up(db) {
        await table("dogs").up(db);
        await sql`select nonsense`.execute(db);
      },
    },
  };
  await expect(migrate(database, broken)).rejects.toMatchObject({
    name: "AppError",
    reason: "MIGRATION_FAILED",
    message: expect.stringMatching(/002_dogs of two failed: .*nonsense/),
  });
  expect(await tablesOf("two")).not.toContain("dogs");
  await migrate(database, { "001_cats": table("cats"), "002_dogs": table("dogs") });
  expect(await tablesOf("two")).toEqual(expect.arrayContaining(["cats", "dogs"]));
});

test("a store that a newer version has migrated is left alone", async () => {
  const database = open("three");
  await migrate(database, { "001_cats": table("cats"), "002_dogs": table("dogs") });
  await expect(migrate(database, { "001_cats": table("cats") })).rejects.toMatchObject({
    name: "ConfigError",
    message: expect.stringContaining("002_dogs"),
  });
  expect(await tablesOf("three")).toContain("dogs");
});

test("replicas that migrate at once all succeed, and each migration runs once", async () => {
  let runs = 0;
  const counted: Migrations = {
    "001_cats": {
      async up(db) {
        runs += 1;
        await table("cats").up(db);
      },
    },
  };
  await Promise.all(Array.from({ length: 4 }, () => migrate(open("four"), counted)));
  expect(runs).toBe(1);
});

test("services of one database do not see each other's tables", async () => {
  await Promise.all(["five", "six"].map((schema) => migrate(open(schema), { "001_cats": table("cats") })));
  expect(await tablesOf("five")).toContain("cats");
  expect(await tablesOf("six")).toContain("cats");
});

test("requiring the current schema changes nothing and says what is missing, or what is unknown", async () => {
  const database = open("seven");
  const one = { "001_cats": table("cats") };
  const two = { ...one, "002_dogs": table("dogs") };
  await expect(requireCurrentSchema(database, one)).rejects.toThrow(/schema of seven is behind \(001_cats\)/);
  expect(await tablesOf("seven")).toEqual([]);
  expect(await migrate(database, one)).toEqual(["001_cats"]);
  await requireCurrentSchema(database, one);
  await expect(requireCurrentSchema(database, two)).rejects.toThrow(ConfigError);
  expect(await inspectSchema(database, two)).toEqual({ pending: ["002_dogs"], unknown: [] });
  expect(await migrate(database, two)).toEqual(["002_dogs"]);
  await expect(requireCurrentSchema(database, one)).rejects.toThrow(
    /newer version \(002_dogs unknown here\)/,
  );
});
