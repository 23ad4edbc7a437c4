import { eventsV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const dayMs = 86_400_000;
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
    expect({ kind: "user", ...event }).toEqual({
      ...identity,
      sessionId: event?.sessionId,
      userId: event?.userId,
    });
    expect(identity).toMatchObject({ sessionId: event?.sessionId, userId: event?.userId });
  });

  test("20 at once with one token have one outcome", async () => {
    const { refreshToken } = await login();
    const pairs = await Promise.all(Array.from({ length: 20 }, () => refresh(refreshToken)));
    expect(new Set(pairs.map((pair) => pair.refreshToken)).size).toBe(1);
    expect(auth.events).toHaveLength(0);
    const { rows } = await store.query(
      "select count(*)::int as tokens from auth.refresh_tokens where session_id = (select id from auth.sessions order by created_at desc, id desc limit 1)",
    );
    expect(rows).toEqual([{ tokens: 2 }]);
  });

  test("20 at once with a stolen token have one outcome", async () => {
    const { refreshToken } = await login();
    await refresh(refreshToken);
    clock.advance(60_000);
    await Promise.all(Array.from({ length: 20 }, () => expectRefused(refreshToken)));
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
    expect(await auth.client.logout({ refreshToken })).toEqual({});
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
    await auth.client.logout({ refreshToken: successor.refreshToken });
    await auth.client.logout({ refreshToken: successor.refreshToken });
    await expectRefused(successor.refreshToken);
    await revokedSessions(1);
  });

  test("leaves the user's other sessions alone", async () => {
    const [one, other] = [await login(), await login()];
    await auth.client.logout({ refreshToken: one.refreshToken });
    await refresh(other.refreshToken);
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
