import { randomUUIDv7 } from "node:crypto";
import { AppError, migrate, openDatabase } from "@ocelli/chassis";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import type { Kysely } from "kysely";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Attempt, type AttemptLimits, createAttemptLimits } from "../src/attempt-limits.ts";
import { createAuditLog } from "../src/audit.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { AuthTables } from "../src/store/tables.ts";
import { createTestClock, failureOf, type TestClock } from "./running-auth.ts";

const minuteMs = 60_000;
const rates = {
  login: { address: { max: 20, windowMs: 15 * minuteMs }, account: { max: 10, windowMs: 60 * minuteMs } },
  "sign-up": { address: { max: 3, windowMs: 60 * minuteMs } },
  reset: {
    address: { max: 6, windowMs: 60 * minuteMs },
    account: { max: 2, windowMs: 60 * minuteMs },
  },
  code: { account: { max: 10, windowMs: 15 * minuteMs } },
  token: { address: { max: 3, windowMs: 15 * minuteMs } },
  oidc: { address: { max: 3, windowMs: 15 * minuteMs } },
};

// The embedded database runs one statement after another, which would hide every race.
let postgres: NativePostgres;
let store: ReturnType<typeof openDatabase<AuthTables>>;
let db: Kysely<AuthTables>;
let clock: TestClock;

beforeAll(async () => {
  postgres = await startNativePostgres();
  store = openDatabase<AuthTables>({ url: postgres.url, schema: "auth" });
  await migrate(store, migrations);
  db = store.db;
});

afterAll(async () => {
  await store?.close();
  await postgres?.stop();
});

beforeEach(async () => {
  clock = createTestClock();
  // At the begin of a window of every length used here, so that nothing slides while it is counted.
  clock.advance(60 * minuteMs - (clock.now().getTime() % (60 * minuteMs)));
  await db.deleteFrom("attempt_windows").execute();
  await db.deleteFrom("attempt_failures").execute();
});

/** One replica; two of them share nothing but the store. */
function replica(): AttemptLimits {
  return createAttemptLimits({
    db,
    audit: createAuditLog({ now: clock.now, newId: randomUUIDv7 }),
    now: clock.now,
    limits: {
      login: { ...rates.login, delays: true },
      "sign-up": rates["sign-up"],
      reset: rates.reset,
      code: { ...rates.code, delays: true },
      token: { ...rates.token, failuresOnly: true },
      oidc: { ...rates.oidc, failuresOnly: true },
    },
    freeFailures: 5,
    longestDelayMs: 15 * minuteMs,
  });
}

async function admitted(limits: AttemptLimits, attempt: Attempt): Promise<boolean> {
  try {
    await limits.admit(attempt);
    return true;
  } catch (error) {
    expect(AppError.from(error)).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      reason: "TOO_MANY_ATTEMPTS",
    });
    return false;
  }
}

async function count(times: number, work: (index: number) => Promise<boolean>): Promise<number> {
  const outcomes = await Promise.all(Array.from({ length: times }, (_, index) => work(index)));
  return outcomes.filter(Boolean).length;
}

const victim = "victim@example.org";

describe("a sliding window", () => {
  test("lets exactly its count through, however many replicas ask at once", async () => {
    const replicas = [replica(), replica()];
    const through = await count(50, (index) =>
      admitted(replicas[index % 2] ?? replica(), {
        kind: "login",
        address: "192.0.2.1",
        account: `${index}`,
      }),
    );
    expect(through).toBe(20);
  });

  test("slides: there is room again bit by bit, not all at once", async () => {
    const limits = replica();
    const attempt = (index: number) =>
      ({ kind: "login", address: "192.0.2.1", account: `${index}` }) as const;
    expect(await count(30, (index) => admitted(limits, attempt(index)))).toBe(20);
    clock.advance(15 * minuteMs);
    expect(await count(30, (index) => admitted(limits, attempt(index)))).toBe(0);
    clock.advance(7.5 * minuteMs);
    expect(await count(30, (index) => admitted(limits, attempt(index)))).toBe(10);
    clock.advance(60 * minuteMs);
    expect(await count(30, (index) => admitted(limits, attempt(index)))).toBe(20);
  });

  test("says when to come back, and then there is room; refused attempts do not prolong it", async () => {
    const limits = replica();
    const attempt = { kind: "sign-up", address: "192.0.2.1" } as const;
    expect(await count(40, () => admitted(limits, attempt))).toBe(3);
    const { retryAfterMs = 0 } = await failureOf(limits.admit(attempt));
    expect(retryAfterMs % 1000).toBe(0);
    expect(retryAfterMs).toBeGreaterThan(60 * minuteMs);
    expect(retryAfterMs).toBeLessThanOrEqual(80 * minuteMs);
    clock.advance(retryAfterMs - 2000);
    expect(await admitted(limits, attempt)).toBe(false);
    clock.advance(2000);
    expect(await admitted(limits, attempt)).toBe(true);
  });

  test("of a replica whose clock is a little behind counts in the same window", async () => {
    const limits = replica();
    const attempt = { kind: "sign-up", address: "192.0.2.1" } as const;
    expect(await count(2, () => admitted(limits, attempt))).toBe(2);
    clock.advance(-5000);
    expect(await count(5, () => admitted(limits, attempt))).toBe(1);
  });
});

describe("addresses", () => {
  test.each([
    ["one /64 of IPv6 is one client", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", true],
    ["another /64 is another", "2001:db8:1:2::1", "2001:db8:1:3::1", false],
    ["IPv4 within IPv6 is IPv4", "192.0.2.7", "::ffff:192.0.2.7", true],
    ["IPv4 addresses are told apart", "192.0.2.7", "192.0.2.8", false],
    ["unknown ones are one together", "", "not an address", true],
  ])("%s", async (_, first, second, same) => {
    const limits = replica();
    expect(await count(3, () => admitted(limits, { kind: "sign-up", address: first }))).toBe(3);
    expect(await admitted(limits, { kind: "sign-up", address: second })).toBe(!same);
  });
});

describe("failures in a row", () => {
  const attempt = { kind: "login", address: "192.0.2.1", account: victim } as const;
  const waitOf = async (limits: AttemptLimits) => (await failureOf(limits.admit(attempt))).retryAfterMs;

  test("cost a wait that doubles up to the longest, shared by the replicas", async () => {
    const [one, other] = [replica(), replica()];
    for (let failure = 1; failure < 5; failure += 1) {
      await one.failed(attempt);
      await other.admit(attempt);
    }
    const waits: Array<number | undefined> = [];
    for (let failure = 0; failure < 12; failure += 1) {
      await one.failed(attempt);
      const wait = await waitOf(other);
      waits.push(wait);
      clock.advance(wait ?? 0);
    }
    const seconds = [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 900, 900];
    expect(waits).toEqual(seconds.map((each) => each * 1000));
  });

  test("keep neither the owner out, who is elsewhere, nor the attacker from other accounts' limits", async () => {
    const limits = replica();
    for (let failure = 0; failure < 30; failure += 1) await limits.failed(attempt);
    expect(await admitted(limits, attempt)).toBe(false);
    expect(await admitted(limits, { ...attempt, address: "198.51.100.1" })).toBe(true);
    expect(await admitted(limits, { ...attempt, account: "other@example.org" })).toBe(true);
  });

  test("are forgotten with a success", async () => {
    const limits = replica();
    for (let failure = 0; failure < 6; failure += 1) await limits.failed(attempt);
    clock.advance(2000);
    await limits.succeeded(attempt);
    await limits.failed(attempt);
    expect(await admitted(limits, attempt)).toBe(true);
  });

  test("let one attempt through when the wait is over, however many come at once", async () => {
    const replicas = [replica(), replica()];
    for (let failure = 0; failure < 8; failure += 1) await replica().failed(attempt);
    clock.advance(8000);
    expect(await count(10, (index) => admitted(replicas[index % 2] ?? replica(), attempt))).toBe(1);
    // Whoever got in and said nothing more has used the turn up.
    clock.advance(7000);
    expect(await admitted(replica(), attempt)).toBe(false);
    clock.advance(1000);
    expect(await admitted(replica(), attempt)).toBe(true);
  });

  test("of many at once are all counted", async () => {
    const limits = replica();
    await Promise.all(Array.from({ length: 9 }, () => limits.failed(attempt)));
    expect(await waitOf(limits)).toBe(16_000);
  });
});

describe("the limit of an account over all addresses", () => {
  const from = (index: number) =>
    ({ kind: "login", address: `198.51.100.${index}`, account: victim }) as const;

  test("stops who guesses from many", async () => {
    const limits = replica();
    expect(await count(40, (index) => admitted(limits, from(index)))).toBe(10);
  });

  test("does not stop the owner where he logged in before, not even while it is used up", async () => {
    const limits = replica();
    const home = { kind: "login", address: "203.0.113.5", account: victim } as const;
    await limits.admit(home);
    await limits.succeeded(home);
    await count(40, (index) => admitted(limits, from(index)));
    expect(await admitted(limits, from(99))).toBe(false);
    expect(await admitted(limits, home)).toBe(true);
    // Who shares the owner's address still has to wait after failures.
    for (let failure = 0; failure < 6; failure += 1) await limits.failed(home);
    expect(await admitted(limits, home)).toBe(false);
  });
});

test("API keys and provider logins count only when they fail", async () => {
  const limits = replica();
  for (const kind of ["token", "oidc"] as const) {
    const attempt = { kind, address: "192.0.2.1" };
    expect(await count(30, () => admitted(limits, attempt))).toBe(30);
    for (let failure = 0; failure < 3; failure += 1) await limits.failed(attempt);
    expect(await admitted(limits, attempt)).toBe(false);
  }
});

test("kinds do not count for each other", async () => {
  const limits = replica();
  expect(await count(9, () => admitted(limits, { kind: "sign-up", address: "192.0.2.1" }))).toBe(3);
  expect(await admitted(limits, { kind: "reset", address: "192.0.2.1", account: victim })).toBe(true);
});

test("a block is audited once per window, without the address typed", async () => {
  const limits = replica();
  await count(30, () => admitted(limits, { kind: "reset", address: "192.0.2.44", account: victim }));
  const entries = await db
    .selectFrom("audit_log")
    .selectAll()
    .where("action", "=", "limit.blocked")
    .where("address", "=", "192.0.2.44")
    .execute();
  expect(entries.map((entry) => entry.reason).toSorted()).toEqual(["RESET_ACCOUNT", "RESET_ADDRESS"]);
  expect(JSON.stringify(entries)).not.toContain("victim");
});

test("a blocked address is audited once per window, whatever accounts it goes on to name", async () => {
  const limits = replica();
  await count(80, (index) =>
    admitted(limits, { kind: "reset", address: "192.0.2.45", account: `somebody-${index}@example.org` }),
  );
  const entries = await db
    .selectFrom("audit_log")
    .select(["reason", "subject_user_id"])
    .where("action", "=", "limit.blocked")
    .where("address", "=", "192.0.2.45")
    .execute();
  expect(entries).toEqual([{ reason: "RESET_ADDRESS", subject_user_id: null }]);
});

test("what is over is deleted in passing, and keys tell nothing", async () => {
  const limits = replica();
  await count(8, (index) => admitted(limits, { kind: "login", address: "192.0.2.1", account: `${index}` }));
  await limits.failed({ kind: "login", address: "192.0.2.1", account: victim });
  const keys = await db.selectFrom("attempt_windows").select("key").execute();
  for (const { key } of keys) expect(key).toHaveLength(32);
  clock.advance(40 * 24 * 60 * minuteMs);
  await limits.admit({ kind: "token", address: "192.0.2.1" });
  expect(await db.selectFrom("attempt_windows").select("key").execute()).toEqual([]);
  expect(await db.selectFrom("attempt_failures").select("key").execute()).toEqual([]);
});
