import { type Database, migrate, openDatabase } from "@ocelli/chassis";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { decodeProtectedHeader } from "jose";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { operator } from "../src/actor.ts";
import { createAuditLog } from "../src/audit.ts";
import { openSigningKeys } from "../src/signing-keys.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { AuthTables } from "../src/store/tables.ts";
import { createTestClock, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const person = { email: "someone@example.org", password: "correct horse battery" };
const clock = createTestClock();
let embedded: EmbeddedDatabase;
let database: Database<AuthTables>;
let store: pg.Pool;
let replicas: [RunningAuth, RunningAuth, RunningAuth];

const startOne = (env = {}) => startAuth({ databaseUrl: embedded.url, clock, env });
const login = async (replica: RunningAuth) => tokensOf(await replica.client.login(person)).accessToken;
const kidOf = (token: string) => decodeProtectedHeader(token).kid;
const kids = async (replica = replicas[0]): Promise<string[]> =>
  JSON.parse((await replica.client.getJwks({})).jwksJson).keys.map((key: { kid: string }) => key.kid);

/** The rules over the same store, as the command line has them. */
async function openKeys() {
  const audit = createAuditLog({ now: clock.now, newId: () => crypto.randomUUID() });
  return openSigningKeys({ db: database.db, secret: undefined, audit, now: clock.now });
}

beforeAll(async () => {
  embedded = await startEmbeddedDatabase();
  store = new pg.Pool({ connectionString: embedded.url, max: 1 });
  database = openDatabase<AuthTables>({ url: embedded.url, schema: "auth" });
  await migrate(database, migrations);
  replicas = await Promise.all([startOne(), startOne(), startOne()]);
  await replicas[0].client.signUp({ ...person, name: "Someone" });
});

afterAll(async () => {
  for (const replica of replicas ?? []) await replica.stop();
  await database?.close();
  await store?.end();
  await embedded?.close();
});

test("replicas that start at once agree on one key, and a restart keeps it", async () => {
  const accessToken = await login(replicas[0]);
  for (const replica of replicas) await replica.verifier.verify(accessToken);
  const before = await kids();
  expect(before).toHaveLength(1);
  const restarted = await startOne();
  await restarted.verifier.verify(accessToken);
  expect(await kids(restarted)).toEqual(before);
  await restarted.stop();
});

describe("rotation", () => {
  beforeEach(() => {
    // Whatever an earlier test left is out of use.
    clock.advance(66 * 60_000);
  });

  test("publishes the new key at once, uses it after ten seconds and keeps the old one for its tokens", async () => {
    const old = await login(replicas[0]);
    const { kid, activatesAt } = await (await openKeys()).rotate(operator);
    expect(activatesAt.getTime() - clock.now().getTime()).toBe(10_000);
    expect(await kids()).toEqual([kid, kidOf(old)]);
    clock.advance(9_999);
    expect(kidOf(await login(replicas[0]))).toBe(kidOf(old));
    clock.advance(60_001);
    const fresh = await login(replicas[0]);
    expect(kidOf(fresh)).toBe(kid);
    for (const replica of replicas) {
      for (const token of [old, fresh]) await replica.verifier.verify(token);
    }
  });

  test("is taken up by every replica soon", async () => {
    for (const replica of replicas) await login(replica);
    const { kid } = await (await openKeys()).rotate(operator);
    clock.advance(20_001);
    for (const replica of replicas) expect(kidOf(await login(replica))).toBe(kid);
  });

  test("at once in three places ends with one active key", async () => {
    const before = (await kids()).length;
    const places = await Promise.all([openKeys(), openKeys(), openKeys()]);
    const rotated = await Promise.all(places.map((keys) => keys.rotate(operator)));
    expect(new Set(rotated.map((each) => each.kid)).size).toBe(1);
    expect(await kids()).toHaveLength(before + 1);
    const { rows } = await store.query("select kid from auth.signing_keys where status = 'active'");
    expect(rows).toEqual([{ kid: rotated[0]?.kid }]);
  });

  test("ends the old key once no token of it can be alive, and then deletes it", async () => {
    const keys = await openKeys();
    const [old] = await kids();
    const { kid } = await keys.rotate(operator);
    clock.advance(10_000 + 65 * 60_000);
    expect(await kids()).toContain(old);
    clock.advance(1);
    expect(await kids()).toEqual([kid]);
    await keys.purge();
    const { rows } = await store.query("select kid from auth.signing_keys");
    expect(rows).toEqual([{ kid }]);
  });

  test("survives a restart in the middle", async () => {
    const old = await login(replicas[0]);
    const { kid } = await (await openKeys()).rotate(operator);
    const restarted = await startOne();
    expect(kidOf(await login(restarted))).toBe(kidOf(old));
    clock.advance(10_000);
    expect(kidOf(await login(restarted))).toBe(kid);
    await restarted.verifier.verify(old);
    await restarted.stop();
  });

  test("is in the audit log", async () => {
    const { kid } = await (await openKeys()).rotate(operator);
    const { rows } = await store.query(
      "select actor, action, outcome from auth.audit_log where target_id = $1",
      [kid],
    );
    expect(rows).toEqual([{ actor: "operator", action: "signing-keys.rotated", outcome: "success" }]);
  });
});

test("keys are encrypted once a secret is set, and then need it, a rotated one too", async () => {
  const readable = async () => {
    const { rows } = await store.query("select private_key from auth.signing_keys");
    return rows.filter((row) => String(row.private_key).includes('"d"')).length;
  };
  expect(await readable()).toBeGreaterThan(0);
  const accessToken = await login(replicas[0]);
  const secret = { AUTH_KEY_SECRET: "a secret of the tests" };
  const sealed = await startOne(secret);
  await sealed.verifier.verify(accessToken);
  await sealed.stop();
  expect(await readable()).toBe(0);
  const reopened = await startOne(secret);
  await replicas[0].verifier.verify(await login(reopened));
  await reopened.stop();
  const wrong = { AUTH_KEY_SECRET: "not the secret of the tests" };
  await expect(startOne(wrong)).rejects.toThrow("AUTH_KEY_SECRET: is not");
  await expect(startOne()).rejects.toThrow("AUTH_KEY_SECRET is required");
});
