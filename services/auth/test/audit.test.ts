import { randomUUID, randomUUIDv7 } from "node:crypto";
import { createLogger, type Database, migrate, openDatabase } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { type AuditRecord, createAuditLog } from "../src/audit.ts";
import { type AuditEntries, createAuditEntries, startAuditRetention } from "../src/audit-entries.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { AuthTables } from "../src/store/tables.ts";
import { createTestClock, failureOf } from "./running-auth.ts";

const dayMs = 86_400_000;
const log = createLogger({ level: "silent", format: "json" });
const origin = { address: "192.0.2.7", userAgent: "a browser" };
let embedded: EmbeddedDatabase;
let database: Database<AuthTables>;
let raw: pg.Client;
let entries: AuditEntries;

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  database = openDatabase<AuthTables>({ url: embedded.url, schema: "auth" });
  await migrate(database, migrations);
  entries = createAuditEntries({ db: database.db });
  raw = new pg.Client({ connectionString: embedded.url });
  await raw.connect();
});

afterAll(async () => {
  await raw?.end();
  await database?.close();
  await embedded?.close();
});

beforeEach(async () => {
  await raw.query("alter table auth.audit_log disable trigger user");
  await raw.query("delete from auth.audit_log");
  await raw.query("alter table auth.audit_log enable trigger user");
});

/** Records something that many a day ago. */
async function record(what: Omit<AuditRecord, "actor"> & { by: string; daysAgo?: number }): Promise<void> {
  const at = new Date(Date.now() - (what.daysAgo ?? 0) * dayMs);
  const audit = createAuditLog({ now: () => at, newId: () => idOf(at) });
  await audit.record(database.db, { ...what, actor: { name: what.by, origin } });
}

/** A UUIDv7 of a time. */
function idOf(at: Date): string {
  const time = at.getTime().toString(16).padStart(12, "0");
  return `${time.slice(0, 8)}-${time.slice(8)}${randomUUIDv7().slice(13)}`;
}

const all = { pageSize: 0, pageToken: "" };
const actionsOf = async (query: Parameters<AuditEntries["list"]>[0]) =>
  (await entries.list(query)).entries.map((entry) => entry.action);

test("an entry says who did what to whom, from where, and how it ended", async () => {
  const [actor, subject, target] = [randomUUID(), randomUUID(), randomUUID()];
  const made = { userId: subject, targetId: target, change: "scopes", daysAgo: 1 };
  await record({ by: actor, action: "api-key.created", ...made });
  await record({ by: "", action: "session.opened", failure: "INVALID_CREDENTIALS" });
  const [failure, success] = (await entries.list(all)).entries;
  expect(success).toEqual({
    id: expect.any(String),
    at: expect.any(Date),
    actor,
    action: "api-key.created",
    subjectUserId: subject,
    targetId: target,
    outcome: "success",
    reason: "scopes",
    ...origin,
  });
  expect(failure).toMatchObject({ actor: "", outcome: "failure", reason: "INVALID_CREDENTIALS" });
  expect(failure?.subjectUserId).toBeUndefined();
});

describe("a list", () => {
  const [ada, ben] = [randomUUID(), randomUUID()];

  beforeEach(async () => {
    await record({ by: ada, action: "account.created", userId: ada, daysAgo: 3 });
    await record({ by: "", action: "session.opened", userId: ben, failure: "WRONG", daysAgo: 2 });
    await record({ by: ada, action: "account.disabled", userId: ben, daysAgo: 1 });
    await record({ by: ben, action: "session.revoked", userId: ben });
  });

  test.each([
    ["everything", {}, ["session.revoked", "account.disabled", "session.opened", "account.created"]],
    ["an action", { action: "session.opened" }, ["session.opened"]],
    ["the beginning of actions", { action: "session." }, ["session.revoked", "session.opened"]],
    ["no half words", { action: "sess" }, []],
    ["an outcome", { outcome: "failure" }, ["session.opened"]],
    ["by or about a user, each once", { userId: ada }, ["account.disabled", "account.created"]],
    ["a user and an outcome", { userId: ben, outcome: "failure" }, ["session.opened"]],
    ["nobody", { userId: randomUUID() }, []],
    ["from a time", { from: new Date(Date.now() - 1.5 * dayMs) }, ["session.revoked", "account.disabled"]],
    ["until a time", { until: new Date(Date.now() - 2.5 * dayMs) }, ["account.created"]],
    ["empty texts", { userId: "", action: "", outcome: "" }, expect.any(Array)],
  ])("of %s", async (_, filter, expected) => {
    expect(await actionsOf({ ...all, ...filter })).toEqual(expected);
  });

  test.each([{}, { userId: ben }])("in pages tells every entry once: %j", async (filter) => {
    const whole = await entries.list({ ...all, ...filter });
    const paged = [];
    let pageToken = "";
    do {
      const page = await entries.list({ ...filter, pageSize: 1, pageToken });
      expect(page.entries).toHaveLength(1);
      paged.push(...page.entries);
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toEqual(whole.entries);
  });

  test("of one's own activity tells nothing of others", async () => {
    const own = await entries.activity(ben, all);
    expect(own.entries.map((entry) => entry.action)).toEqual([
      "session.revoked",
      "account.disabled",
      "session.opened",
    ]);
  });

  test("refuses the page token of another list", async () => {
    const { nextPageToken } = await entries.list({ ...all, pageSize: 1 });
    expect(nextPageToken).not.toBe("");
    for (const call of [
      entries.list({ ...all, pageToken: nextPageToken, userId: ada }),
      entries.activity(ben, { pageSize: 1, pageToken: nextPageToken }),
    ]) {
      expect((await failureOf(call)).reason).toBe("INVALID_PAGE_TOKEN");
    }
  });

  test.each([
    ["userId", { userId: "' or 1=1 --" }],
    ["action", { action: "%" }],
    ["action", { action: "a.b.c" }],
    ["action", { action: `${"a".repeat(61)}` }],
    ["action", { action: "session\u0000" }],
    ["outcome", { outcome: "maybe" }],
    ["from", { from: new Date(Number.NaN) }],
    ["from", { from: new Date(-8.64e15) }],
    ["until", { until: new Date(8.64e15) }],
  ])("refuses %s %j", async (field, filter) => {
    const failure = await failureOf(entries.list({ ...all, ...filter }));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_AUDIT_FILTER" });
    expect(failure.violations.map((violation) => violation.field)).toEqual([field]);
  });
});

describe("the log only grows", () => {
  test.each([
    "update auth.audit_log set reason = 'nothing happened'",
    "update auth.audit_log set at = now() - interval '31 days'",
    "delete from auth.audit_log",
    "truncate auth.audit_log",
    "truncate auth.audit_log cascade",
  ])("%s", async (statement) => {
    await record({ by: "operator", action: "account.deleted", userId: randomUUID() });
    await expect(raw.query(statement)).rejects.toThrow("append-only");
    expect(await actionsOf(all)).toEqual(["account.deleted"]);
  });

  test("what the store keeps is not the service's choice: 30 days", async () => {
    await record({ by: "operator", action: "account.created", daysAgo: 29 });
    await record({ by: "operator", action: "account.deleted", daysAgo: 31 });
    await expect(raw.query("delete from auth.audit_log")).rejects.toThrow("append-only");
    await raw.query("delete from auth.audit_log where action = 'account.deleted'");
    expect(await actionsOf(all)).toEqual(["account.created"]);
  });
});

test("entries beyond their retention go, at the start and once a day", async () => {
  const clock = createTestClock();
  await record({ by: "operator", action: "account.created", daysAgo: 401 });
  await record({ by: "operator", action: "account.updated", daysAgo: 399 });
  await record({ by: "operator", action: "account.deleted", daysAgo: 1 });
  const run = async (retentionMs: number) => {
    const retention = startAuditRetention({ db: database.db, log, now: clock.now, retentionMs });
    await retention.stop();
  };
  const timers = vi.spyOn(globalThis, "setTimeout");
  await run(400 * dayMs);
  expect(await actionsOf(all)).toEqual(["account.deleted", "account.updated"]);
  // A clock that runs ahead of the store's does not make it forget more, nor fail.
  clock.advance(1000 * dayMs);
  await run(30 * dayMs);
  expect(await actionsOf(all)).toEqual(["account.deleted"]);
  timers.mockRestore();
});

test("more than one batch of old entries goes in one run", async () => {
  await raw.query(
    `insert into auth.audit_log (id, at, actor, action, target_id, outcome, reason, address, user_agent)
     select gen_random_uuid(), now() - interval '500 days', '', 'session.opened', '', 'failure', '', '', ''
     from generate_series(1, 2500)`,
  );
  const retention = startAuditRetention({
    db: database.db,
    log,
    now: () => new Date(),
    retentionMs: 400 * dayMs,
  });
  await vi.waitFor(async () => expect(await actionsOf(all)).toEqual([]), { timeout: 10_000 });
  await retention.stop();
});
