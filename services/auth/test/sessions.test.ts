import type { CallOrigin } from "@ocelli/chassis";
import { eventsV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { decodeJwt } from "jose";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const dayMs = 86_400_000;
const phone = { address: "192.0.2.1", userAgent: "phone" };
const laptop = { address: "2001:db8::2", userAgent: "laptop" };
const person = { email: "someone@example.org", password: "correct horse battery" };
const clock = createTestClock();
let database: EmbeddedDatabase;
let store: pg.Pool;
let auth: RunningAuth;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  store = new pg.Pool({ connectionString: database.url, max: 1 });
  auth = await startAuth({ databaseUrl: database.url, clock });
  await auth.client.signUp({ ...person, name: "Someone" });
});

afterAll(async () => {
  await auth?.stop();
  await store?.end();
  await database?.close();
});

beforeEach(() => {
  auth.events.length = 0;
});

const login = async () => tokensOf(await auth.client.login(person));
const refresh = async (refreshToken: string) => tokensOf(await auth.client.refresh({ refreshToken }));

async function expectRefused(refreshToken: string): Promise<void> {
  expect(await failureOf(auth.client.refresh({ refreshToken }))).toMatchObject({
    code: Status.UNAUTHENTICATED,
    reason: "INVALID_REFRESH_TOKEN",
  });
}

/** What the audit log has about a session, oldest first. */
async function auditOf(sessionId: string | undefined): Promise<string[][]> {
  const { rows } = await store.query(
    "select action, outcome, reason from auth.audit_log where target_id = $1 order by id",
    [sessionId],
  );
  return rows.map(({ action, outcome, reason }) => [action, outcome, reason]);
}

async function revokedSessions(count: number): Promise<eventsV1.SessionRevoked[]> {
  const revoked = () => auth.events.filter((event) => event.subject === "ocelli.auth.session.revoked");
  await vi.waitFor(() => expect(revoked()).toHaveLength(count));
  return revoked().map((event) => eventsV1.SessionRevoked.decode(event.payload));
}

describe("refresh", () => {
  test("gives a new pair of the same session", async () => {
    const first = await login();
    const second = await refresh(first.refreshToken);
    const third = await refresh(second.refreshToken);
    expect(new Set([first, second, third].map((each) => each.refreshToken)).size).toBe(3);
    const identities = await Promise.all(
      [first, third].map((each) => auth.verifier.verify(each.accessToken)),
    );
    expect(identities[0]).toMatchObject({ kind: "user" });
    expect(identities[1]).toEqual(identities[0]);
  });

  test("gives the same successor again within the grace", async () => {
    const { refreshToken } = await login();
    const successor = await refresh(refreshToken);
    clock.advance(20_000);
    const again = await refresh(refreshToken);
    expect(again.refreshToken).toBe(successor.refreshToken);
    await refresh(successor.refreshToken);
  });

  test("ends the session when a used token comes back later", async () => {
    const { refreshToken, accessToken } = await login();
    const successor = await refresh(refreshToken);
    const identity = await auth.verifier.verify(accessToken);
    clock.advance(20_001);
    await expectRefused(refreshToken);
    await expectRefused(successor.refreshToken);
    await expectRefused(refreshToken);
    const [event] = await revokedSessions(1);
    const grant = { kind: "session", id: event?.sessionId };
    expect(identity).toMatchObject({ kind: "user", userId: event?.userId, grant });
    expect(await auditOf(event?.sessionId)).toEqual([
      ["session.opened", "success", "password"],
      ["session.reuse-detected", "failure", "REFRESH_TOKEN_REUSED"],
    ]);
  });

  test("100 at once with one token have one outcome", async () => {
    const { refreshToken } = await login();
    const pairs = await Promise.all(Array.from({ length: 100 }, () => refresh(refreshToken)));
    expect(new Set(pairs.map((pair) => pair.refreshToken)).size).toBe(1);
    expect(auth.events).toHaveLength(0);
    const { rows } = await store.query(
      "select count(*)::int as tokens from auth.refresh_tokens where session_id = (select id from auth.sessions order by created_at desc, id desc limit 1)",
    );
    expect(rows).toEqual([{ tokens: 2 }]);
  });

  test("100 at once at two replicas have one outcome", async () => {
    const replica = await startAuth({ databaseUrl: database.url, clock });
    try {
      const { refreshToken } = await login();
      const ask = async (index: number) =>
        tokensOf(await (index % 2 ? auth : replica).client.refresh({ refreshToken })).refreshToken;
      const successors = await Promise.all(Array.from({ length: 100 }, (_, index) => ask(index)));
      expect(new Set(successors).size).toBe(1);
      clock.advance(20_001);
      expect((await failureOf(replica.client.refresh({ refreshToken }))).reason).toBe(
        "INVALID_REFRESH_TOKEN",
      );
      await expectRefused(successors[0] ?? "");
    } finally {
      await replica.stop();
    }
  });

  test("100 at once with a stolen token have one outcome", async () => {
    const { refreshToken } = await login();
    await refresh(refreshToken);
    clock.advance(60_000);
    await Promise.all(Array.from({ length: 100 }, () => expectRefused(refreshToken)));
    await revokedSessions(1);
  });

  test("an idle session ends", async () => {
    const idle = await login();
    clock.advance(14 * dayMs);
    await expectRefused(idle.refreshToken);
  });

  test("a busy session ends 30 days after its login", async () => {
    let { refreshToken } = await login();
    for (const _ of [1, 2]) {
      clock.advance(13 * dayMs);
      refreshToken = (await refresh(refreshToken)).refreshToken;
    }
    clock.advance(4 * dayMs - 1);
    refreshToken = (await refresh(refreshToken)).refreshToken;
    clock.advance(1);
    await expectRefused(refreshToken);
  });

  test.each([
    ["nothing", ""],
    ["garbage", "garbage"],
    ["an unknown token", `ocelli_rt_${"A".repeat(43)}`],
    ["NUL", `ocelli_rt_${"A".repeat(42)}\u0000`],
    ["SQL", "' or 1=1 --"],
    ["a megabyte", "x".repeat(1_000_000)],
  ])("refuses %s", async (_, refreshToken) => {
    await expectRefused(refreshToken);
    expect(await auth.client.logout({ refreshToken })).toEqual({ sessionId: "" });
  });

  test("the store holds no token, not even encrypted with what it holds", async () => {
    const { refreshToken } = await login();
    const successor = await refresh(refreshToken);
    const { rows } = await store.query("select token_hash, successor_sealed from auth.refresh_tokens");
    const stored = JSON.stringify(rows.map((row) => [String(row.token_hash), String(row.successor_sealed)]));
    expect(stored).not.toContain(refreshToken.slice(10));
    expect(stored).not.toContain(successor.refreshToken.slice(10));
  });
});

describe("logout", () => {
  test("ends the session, once", async () => {
    const { refreshToken } = await login();
    const successor = await refresh(refreshToken);
    const { sessionId } = await auth.client.logout({ refreshToken: successor.refreshToken });
    expect(await auth.client.logout({ refreshToken: successor.refreshToken })).toEqual({ sessionId: "" });
    await expectRefused(successor.refreshToken);
    const [event] = await revokedSessions(1);
    expect(event?.sessionId).toBe(sessionId);
    expect((await auditOf(sessionId)).at(-1)).toEqual(["session.revoked", "success", "logout"]);
    const identity = await failureOf(auth.client.getCurrentUser({}, { bearer: successor.accessToken }));
    expect(identity).toMatchObject({ code: Status.UNAUTHENTICATED, reason: "TOKEN_REVOKED" });
  });

  test("leaves the user's other sessions alone", async () => {
    const [one, other] = [await login(), await login()];
    await auth.client.logout({ refreshToken: one.refreshToken });
    await refresh(other.refreshToken);
  });
});

describe("a user's sessions", () => {
  const other = { email: "other@example.org", password: person.password };
  const loginFrom = async (origin: CallOrigin, who = other) =>
    tokensOf(await auth.client.login(who, { origin }));
  const listOf = async (bearer: string, page = {}) => auth.client.listSessions(page, { bearer });
  const sessionOf = async (accessToken: string) => String(decodeJwt(accessToken).sid);

  beforeAll(async () => {
    await auth.client.signUp({ ...other, name: "Other" });
  });

  beforeEach(async () => {
    await store.query("delete from auth.sessions");
  });

  test("are listed, the one used last first, with where they were used last", async () => {
    const first = await loginFrom(phone);
    clock.advance(1000);
    const second = await loginFrom(laptop);
    clock.advance(1000);
    await auth.client.refresh(
      { refreshToken: first.refreshToken },
      { origin: { ...phone, address: "192.0.2.9" } },
    );
    const { sessions, nextPageToken } = await listOf(second.accessToken);
    expect(nextPageToken).toBe("");
    expect(
      sessions.map(({ address, userAgent, method, current }) => [address, userAgent, method, current]),
    ).toEqual([
      ["192.0.2.9", "phone", "password", false],
      ["2001:db8::2", "laptop", "password", true],
    ]);
    expect(sessions[0]).toMatchObject({
      lastUsedAt: clock.now(),
      createdAt: new Date(clock.now().getTime() - 2000),
    });
  });

  test("come in pages, each once", async () => {
    const all: string[] = [];
    for (let index = 0; index < 5; index++)
      all.unshift(await sessionOf((await loginFrom(phone)).accessToken));
    const { accessToken } = await loginFrom(laptop);
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await listOf(accessToken, { pageSize: 2, pageToken });
      expect(page.sessions.length).toBeLessThanOrEqual(2);
      seen.push(...page.sessions.map((each) => each.id));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(seen).toEqual([await sessionOf(accessToken), ...all]);
    const foreign = await listOf(accessToken, { pageSize: 1 });
    const { accessToken: stranger } = await login();
    for (const token of [foreign.nextPageToken, "garbage", "A".repeat(5000)]) {
      expect((await failureOf(listOf(stranger, { pageToken: token }))).reason).toBe("INVALID_PAGE_TOKEN");
    }
  });

  test("end one by one, for their user only", async () => {
    const [mine, also, foreign] = [await loginFrom(phone), await loginFrom(laptop), await login()];
    const bearer = mine.accessToken;
    for (const sessionId of [await sessionOf(foreign.accessToken), "1", "' or 1=1", person.email]) {
      expect(await failureOf(auth.client.revokeSession({ sessionId }, { bearer }))).toMatchObject({
        code: Status.NOT_FOUND,
        reason: "SESSION_NOT_FOUND",
      });
    }
    const sessionId = await sessionOf(also.accessToken);
    await auth.client.revokeSession({ sessionId }, { bearer, origin: phone });
    await expectRefused(also.refreshToken);
    expect((await failureOf(auth.client.revokeSession({ sessionId }, { bearer }))).reason).toBe(
      "SESSION_NOT_FOUND",
    );
    await revokedSessions(1);
    expect((await auditOf(sessionId)).at(-1)).toEqual(["session.revoked", "success", ""]);
    await refresh(foreign.refreshToken);
    expect((await listOf(bearer)).sessions).toHaveLength(1);
  });

  test("end all but the one that asks", async () => {
    const [mine, ...rest] = [await loginFrom(phone), await loginFrom(laptop), await loginFrom(laptop)];
    const foreign = await login();
    const { sessionIds } = await auth.client.revokeOtherSessions({}, { bearer: mine.accessToken });
    expect(sessionIds.sort()).toEqual(
      (await Promise.all(rest.map((each) => sessionOf(each.accessToken)))).sort(),
    );
    for (const each of rest) await expectRefused(each.refreshToken);
    await refresh(mine.refreshToken);
    await refresh(foreign.refreshToken);
    await revokedSessions(2);
  });

  test("are at most 100: the one used longest ago makes room", async () => {
    const { accessToken, refreshToken } = await loginFrom(phone);
    const userId = decodeJwt(accessToken).sub;
    await store.query(
      `insert into auth.sessions (id, user_id, created_at, last_used_at, expires_at)
       select gen_random_uuid(), $1, $2, $2::timestamptz + n * interval '1 second', $2::timestamptz + interval '1 day'
       from generate_series(1, 99) n`,
      [userId, clock.now()],
    );
    clock.advance(200_000);
    const newest = await loginFrom(phone);
    await expectRefused(refreshToken);
    await revokedSessions(1);
    const { sessions } = await listOf(newest.accessToken, { pageSize: 1000 });
    expect(sessions).toHaveLength(100);
  });

  test("a login from a client not seen before is told by e-mail, the first of all is not", async () => {
    // Without a mail server, mail goes to the log.
    const notices = () => auth.logLines.filter((line) => line.includes("New sign-in"));
    const before = notices().length;
    await loginFrom(phone);
    await loginFrom(phone);
    await loginFrom(laptop);
    await vi.waitFor(() => expect(notices()).toHaveLength(before + 1));
    expect(notices().at(-1)).toContain(laptop.address);
  });

  test("of a closed account do not open and are not refreshed", async () => {
    const { refreshToken } = await loginFrom(phone);
    const close = (at: Date | null) =>
      store.query("update auth.users set disabled_at = $1 where email_canonical = $2", [at, other.email]);
    await close(clock.now());
    await expectRefused(refreshToken);
    expect(await failureOf(auth.client.login(other))).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "ACCOUNT_DISABLED",
    });
    await close(null);
    await refresh(refreshToken);
  });

  test("are forgotten 30 days after their end", async () => {
    const { refreshToken } = await loginFrom(phone);
    const count = async () => Number((await store.query("select count(*) from auth.sessions")).rows[0].count);
    await auth.client.logout({ refreshToken });
    const purge = async () => {
      // Starting a replica is when it happens first.
      await (await startAuth({ databaseUrl: database.url, clock })).stop();
      return count();
    };
    clock.advance(30 * dayMs);
    expect(await purge()).toBe(1);
    clock.advance(1);
    expect(await purge()).toBe(0);
  });
});

test("services are told of every grant that was revoked, nobody else is", async () => {
  const { accessToken, refreshToken } = await login();
  const { sessionId } = await auth.client.logout({ refreshToken });
  const ask = () => auth.client.listRevocations({}, { asService: true });
  expect((await ask()).revocations[0]).toEqual({ grantId: sessionId, revokedAt: clock.now() });
  clock.advance(66 * 60_000);
  expect((await ask()).revocations).toEqual([]);
  expect((await failureOf(auth.client.listRevocations({}))).reason).toBe("UNAUTHENTICATED");
  const bearer = (await login()).accessToken;
  expect(bearer).not.toBe(accessToken);
  expect(await failureOf(auth.client.listRevocations({}, { bearer }))).toMatchObject({
    code: Status.PERMISSION_DENIED,
    reason: "SERVICES_ONLY",
  });
});

test("a deleted user's tokens are worth nothing", async () => {
  const gone = { email: "gone@example.org", password: person.password };
  await auth.client.signUp({ ...gone, name: "Gone" });
  const { accessToken, refreshToken } = tokensOf(await auth.client.login(gone));
  await store.query("delete from auth.users where email_canonical = $1", [gone.email]);
  expect((await failureOf(auth.client.getCurrentUser({}, { bearer: accessToken }))).reason).toBe(
    "UNAUTHENTICATED",
  );
  await expectRefused(refreshToken);
});
