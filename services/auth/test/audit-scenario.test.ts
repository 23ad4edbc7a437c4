import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const password = "a good long passphrase";
const chief = { email: "chief@example.org", password, name: "Chief Person" };
const user = { email: "quirk@example.org", password, name: "Quirk Person" };
const origin = { address: "192.0.2.33", userAgent: "a browser" };
const clock = createTestClock();
let database: EmbeddedDatabase;
let auth: RunningAuth;
let store: pg.Client;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  auth = await startAuth({ databaseUrl: database.url, clock });
  store = new pg.Client({ connectionString: database.url });
  await store.connect();
});

afterAll(async () => {
  await store?.end();
  await auth?.stop();
  await database?.close();
});

const login = async (email: string, secret = password) =>
  tokensOf(await auth.client.login({ email, password: secret }, { origin }));
const bearerOf = async (email: string) => ({ bearer: (await login(email)).accessToken, origin });
/** What must never be in the log. */
const secrets = new Set<string>([password, "wrong password", "another good passphrase"]);

test("an account's life, as its user, as an administrator and by a key", async () => {
  await auth.client.signUp(chief, { origin });
  const { user: ada } = await auth.client.signUp(user, { origin });
  const userId = ada?.id ?? "";
  const admin = await bearerOf(chief.email);
  const own = await bearerOf(user.email);

  await failureOf(auth.client.login({ email: user.email, password: "wrong password" }, { origin }));
  await failureOf(auth.client.login({ email: "nobody@example.org", password: "wrong password" }, { origin }));
  await auth.client.requestPasswordReset({ email: user.email }, { origin });

  expect((await auth.users.getUser({ userId }, own)).user).toMatchObject({ id: userId, hasPassword: true });
  expect((await failureOf(auth.users.listUsers({}, own))).reason).toBe("SCOPE_REQUIRED");
  expect((await failureOf(auth.audit.listAudit({}, own))).reason).toBe("SCOPE_REQUIRED");
  expect((await auth.users.listUsers({ query: "quirk@" }, admin)).users.map((each) => each.id)).toEqual([
    userId,
  ]);

  // Without a mask, what is given is changed; with one, exactly what it names.
  await auth.users.updateUser({ userId, name: "Quirk" }, own);
  const masked = { userId, name: "Not this", disabled: false, updateMask: ["disabled"] };
  expect((await auth.users.updateUser(masked, admin)).user).toMatchObject({ name: "Quirk", disabled: false });
  const unknown = auth.users.updateUser({ userId, updateMask: ["passwordHash"] }, admin);
  expect(await failureOf(unknown)).toMatchObject({
    code: Status.INVALID_ARGUMENT,
    reason: "INVALID_ACCOUNT",
  });
  const escalation = auth.users.updateUser({ userId, role: "admin" }, own);
  expect((await failureOf(escalation)).reason).toBe("ADMIN_REQUIRED");

  const key = await auth.apiKeys.createApiKey({ name: "Key", scopes: ["admin", "profile"] }, admin);
  secrets.add(key.secret);
  const exchanged = await auth.client.exchangeApiKey({ apiKey: key.secret }, { origin });
  secrets.add(exchanged.accessToken);
  const byKey = { bearer: exchanged.accessToken, origin };
  await auth.users.listUsers({}, byKey);
  await auth.users.updateUser({ userId, name: "Quirk L." }, byKey);
  const refused = await Promise.all([
    failureOf(auth.users.updateUser({ userId, role: "admin" }, byKey)),
    failureOf(auth.users.createUser({ ...user, email: "back@example.org", role: "admin" }, byKey)),
    failureOf(auth.users.deleteUser({ userId }, byKey)),
  ]);
  expect(refused.map((each) => each.reason)).toEqual(Array(3).fill("SESSION_REQUIRED"));

  const invited = await auth.users.createUser({ email: "new@example.org", name: "New Person" }, admin);
  expect(invited.user).toMatchObject({ role: "user", hasPassword: false });
  await auth.users.updateUser({ userId, disabled: true }, admin);
  await vi.waitFor(async () =>
    expect((await failureOf(auth.users.getUser({ userId }, own))).reason).toBe("TOKEN_REVOKED"),
  );
  expect((await failureOf(login(user.email))).reason).toBe("ACCOUNT_DISABLED");
  await auth.users.updateUser({ userId, disabled: false, updateMask: ["disabled"] }, admin);

  const again = await bearerOf(user.email);
  secrets.add(again.bearer);
  const activity = await auth.audit.listActivity({}, again);
  for (const entry of activity.entries) expect([entry.subjectUserId, entry.actor]).toContain(userId);
  expect((await failureOf(auth.users.deleteUser({ userId, password: "wrong password" }, again))).reason).toBe(
    "INVALID_CREDENTIALS",
  );
  const { deletedAt } = await auth.users.deleteUser({ userId, password }, again);
  expect(deletedAt).toEqual(clock.now());
  await vi.waitFor(() =>
    expect(auth.events.map((each) => each.subject)).toContain("ocelli.auth.user.deleted"),
  );
  expect((await failureOf(auth.users.getUser({ userId }, admin))).reason).toBe("USER_NOT_FOUND");

  const { entries } = await auth.audit.listAudit({ userId, pageSize: 200 }, admin);
  expect(entries[0]?.at).toEqual(clock.now());
  expect(new Set(entries.map((entry) => entry.action))).toEqual(
    new Set([
      "account.created",
      "account.updated",
      "account.role-changed",
      "account.disabled",
      "account.enabled",
      "account.deleted",
      "session.opened",
      "password.reset-requested",
    ]),
  );
  const denied = await auth.audit.listAudit({ action: "account.", outcome: "failure" }, admin);
  expect(new Set(denied.entries.map((entry) => entry.reason))).toEqual(
    new Set(["ADMIN_REQUIRED", "SESSION_REQUIRED", "INVALID_CREDENTIALS"]),
  );
});

test("the log holds no address, name, password or token of anybody", async () => {
  const { rows } = await store.query<{ line: string }>(
    "select to_jsonb(e)::text as line from auth.audit_log e",
  );
  expect(rows.length).toBeGreaterThan(15);
  const log = rows.map((row) => row.line).join("\n");
  expect(log).not.toMatch(/@|example\.org|Person|Quirk|eyJ|ocelli_[a-z]{2}_|\$argon2/i);
  for (const secret of secrets) expect(log).not.toContain(secret);
  // Nor what could be tried out against a list of addresses: a hash of one.
  expect(log).not.toMatch(/[0-9a-f]{64}/);
});

test("nothing of a deleted account is left but its id in the log", async () => {
  const { rows } = await store.query<{ table: string }>(
    "select table_name as table from information_schema.tables where table_schema = 'auth'",
  );
  for (const { table } of rows) {
    const found = await store.query(
      `select * from auth.${pg.escapeIdentifier(table)} as t where t::text ilike '%quirk@%'`,
    );
    expect(`${table} ${found.rowCount}`).toBe(`${table} 0`);
  }
});
