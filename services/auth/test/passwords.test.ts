import { randomUUIDv7 } from "node:crypto";
import { loadSettings, openDatabase } from "@ocelli/chassis";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createAttemptLimits } from "../src/attempt-limits.ts";
import { attemptLimitsOf } from "../src/attempt-rates.ts";
import { createAuditLog } from "../src/audit.ts";
import { settings } from "../src/config.ts";
import { createLogin } from "../src/login.ts";
import { createPasswords, type Passwords } from "../src/passwords.ts";
import type { AuthTables } from "../src/store/tables.ts";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";
import { mailsTo } from "./sent-mail.ts";

const password = "correct horse battery";
const newPassword = "staples and batteries";
const clock = createTestClock();
const env = {
  AUTH_LIMIT_LOGIN_ADDRESS: "off",
  AUTH_LIMIT_LOGIN_ACCOUNT: "off",
  AUTH_LIMIT_SIGN_UP_ADDRESS: "off",
};

// The embedded database runs one transaction at a time, which would hide every race.
let database: NativePostgres;
let store: ReturnType<typeof openDatabase<AuthTables>>;
let auth: RunningAuth;
let email: string;
let userId: string;
let count = 0;

beforeAll(async () => {
  database = await startNativePostgres();
  auth = await startAuth({ databaseUrl: database.url, clock, env });
  store = openDatabase<AuthTables>({ url: database.url, schema: "auth" });
});

afterAll(async () => {
  await store?.close();
  await auth?.stop();
  await database?.stop();
});

beforeEach(async () => {
  count += 1;
  email = `person${count}@example.org`;
  userId = (await auth.client.signUp({ email, password, name: "Someone" })).user?.id ?? "";
});

async function login(secret = password) {
  return tokensOf(await auth.client.login({ email, password: secret }));
}

async function hashOf(id = userId): Promise<string | null> {
  const row = await store.db
    .selectFrom("users")
    .select("password_hash")
    .where("id", "=", id)
    .executeTakeFirst();
  return row?.password_hash ?? null;
}

async function failuresOf(subject: string | null, action: string) {
  return store.db
    .selectFrom("audit_log")
    .select(["actor", "reason", "address", "user_agent as userAgent"])
    .where("subject_user_id", subject === null ? "is" : "=", subject)
    .where("action", "=", action)
    .where("outcome", "=", "failure")
    .orderBy("id")
    .execute();
}

describe("changing a password", () => {
  test("ends the other sessions, keeps this one, and is told by mail", async () => {
    const [own, other] = [await login(), await login()];
    const { sessionIds } = await auth.client.changePassword(
      { currentPassword: password, newPassword },
      { bearer: own.accessToken },
    );
    expect(sessionIds).toHaveLength(1);
    expect((await failureOf(auth.client.refresh({ refreshToken: other.refreshToken }))).reason).toBe(
      "INVALID_REFRESH_TOKEN",
    );
    tokensOf(await auth.client.refresh({ refreshToken: own.refreshToken }));
    expect((await failureOf(login())).reason).toBe("INVALID_CREDENTIALS");
    await login(newPassword);
    await vi.waitFor(() =>
      expect(mailsTo(auth, email).some((mail) => /changed/i.test(mail.subject))).toBe(true),
    );
  });

  test("needs the one until now, and tells the audit log when it is wrong", async () => {
    const { accessToken: bearer } = await login();
    for (const currentPassword of ["", "wrong password", "x".repeat(100_000), newPassword]) {
      const call = auth.client.changePassword({ currentPassword, newPassword }, { bearer });
      expect(await failureOf(call)).toMatchObject({
        code: Status.UNAUTHENTICATED,
        reason: "INVALID_CREDENTIALS",
      });
    }
    await login();
    expect(await failuresOf(userId, "password.changed")).toHaveLength(4);
  });

  test.each([
    ["a short one", "short"],
    ["nothing", ""],
    ["a long one", "xyz".repeat(43)],
    ["a megabyte", "xyz".repeat(300_000)],
    ["a common one", "iloveyou1"],
    ["one's name", "Someone123"],
    ["the same", password],
  ])("refuses %s", async (_, bad) => {
    const { accessToken: bearer } = await login();
    const call = auth.client.changePassword({ currentPassword: password, newPassword: bad }, { bearer });
    expect(await failureOf(call)).toMatchObject({
      code: Status.INVALID_ARGUMENT,
      reason: "INVALID_PASSWORD",
      violations: [{ field: "newPassword", description: expect.stringMatching(/^must /) }],
    });
  });

  test("of two at once one counts", async () => {
    const { accessToken: bearer } = await login();
    const outcomes = await Promise.allSettled(
      [1, 2, 3, 4].map((index) =>
        auth.client.changePassword(
          { currentPassword: password, newPassword: `${newPassword} ${index}` },
          { bearer },
        ),
      ),
    );
    expect(outcomes.filter((each) => each.status === "fulfilled")).toHaveLength(1);
  });

  test("cannot guess its way: failures in a row slow it down like a login", async () => {
    const { accessToken: bearer } = await login();
    const guess = () =>
      auth.client.changePassword({ currentPassword: "wrong guess", newPassword }, { bearer });
    for (let failure = 0; failure < 5; failure += 1) await failureOf(guess());
    expect(await failureOf(guess())).toMatchObject({ reason: "TOO_MANY_ATTEMPTS", retryAfterMs: 1000 });
    expect(await failureOf(login())).toMatchObject({ reason: "TOO_MANY_ATTEMPTS" });
    // From elsewhere the owner gets in.
    const origin = { address: "203.0.113.9", userAgent: "home" };
    tokensOf(await auth.client.login({ email, password }, { origin }));
    clock.advance(1000);
    await login();
  });

  test("is not for an account without one, which never passes as having one", async () => {
    const { accessToken: bearer } = await login();
    await store.db.updateTable("users").set({ password_hash: null }).where("id", "=", userId).execute();
    for (const currentPassword of ["", password]) {
      const call = auth.client.changePassword({ currentPassword, newPassword }, { bearer });
      expect((await failureOf(call)).reason).toBe("INVALID_CREDENTIALS");
      expect((await failureOf(login(currentPassword))).reason).toBe("INVALID_CREDENTIALS");
    }
    expect((await auth.client.getCurrentUser({}, { bearer })).user?.hasPassword).toBe(false);
  });
});

describe("a login in vain", () => {
  test("slows the next down on every replica, alike for accounts that are there and that are not", async () => {
    const other = await startAuth({ databaseUrl: database.url, clock, env });
    const answersTo = async (address: string) => {
      const answers: string[] = [];
      for (let index = 0; index < 7; index += 1) {
        const { client } = index % 2 ? other : auth;
        const failure = await failureOf(client.login({ email: address, password: "wrong password" }));
        answers.push(`${failure.reason} ${failure.retryAfterMs} ${failure.message}`);
      }
      return answers;
    };
    try {
      const known = await answersTo(email);
      expect(known.at(-1)).toContain("TOO_MANY_ATTEMPTS 1000");
      expect(await answersTo(`nobody${count}@example.org`)).toEqual(known);
    } finally {
      await other.stop();
    }
  });

  test("stands in the audit log with the account, never with what was typed", async () => {
    const origin = { address: "203.0.113.77", userAgent: "guesser/1.0" };
    await failureOf(auth.client.login({ email, password: "wrong password" }, { origin }));
    await failureOf(auth.client.login({ email: "nobody@example.org", password }, { origin }));
    const entry = { actor: "", reason: "INVALID_CREDENTIALS", ...origin };
    expect(await failuresOf(userId, "session.opened")).toEqual([entry]);
    expect(await failuresOf(null, "session.opened")).toContainEqual(entry);
    const log = JSON.stringify(await store.db.selectFrom("audit_log").selectAll().execute());
    expect(log).not.toMatch(/@example|wrong password/);
  });

  test("into a closed account says so only to who knows the password", async () => {
    await store.db.updateTable("users").set({ disabled_at: clock.now() }).where("id", "=", userId).execute();
    expect((await failureOf(login("wrong password"))).reason).toBe("INVALID_CREDENTIALS");
    expect(await failureOf(login())).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "ACCOUNT_DISABLED",
    });
  });
});

test("where verified addresses are required, others do not get in, and a reset gets them in", async () => {
  const strict = await startAuth({
    databaseUrl: database.url,
    clock,
    env: { ...env, AUTH_REQUIRE_VERIFIED_EMAIL: "true" },
  });
  try {
    const call = () => strict.client.login({ email, password });
    expect(await failureOf(call())).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "EMAIL_NOT_VERIFIED",
    });
    await store.db
      .updateTable("users")
      .set({ email_verified_at: clock.now() })
      .where("id", "=", userId)
      .execute();
    tokensOf(await call());
  } finally {
    await strict.stop();
  }
});

test("a login hashes anew what was hashed at another cost, and never what was not", async () => {
  const before = await hashOf();
  await login();
  expect(await hashOf()).toBe(before);
  const costlier = await startAuth({
    databaseUrl: database.url,
    clock,
    env: { ...env, AUTH_PASSWORD_PASSES: "3" },
  });
  try {
    await failureOf(costlier.client.login({ email, password: "wrong password" }));
    expect(await hashOf()).toBe(before);
    const logins = await Promise.all([1, 2, 3].map(() => costlier.client.login({ email, password })));
    for (const each of logins) tokensOf(each);
    expect(await hashOf()).toMatch(/^\$argon2id\$v=19\$m=19456,t=3,p=1\$/);
    tokensOf(await costlier.client.login({ email, password }));
  } finally {
    await costlier.stop();
  }
});

test("every login in vain costs one Argon2 run, whoever has the address", async () => {
  const { passwords, runs } = await counting();
  const audit = createAuditLog({ now: clock.now, newId: randomUUIDv7 });
  const config = loadSettings(settings, { ...env, AUTH_LONGEST_DELAY: "0s" });
  const { login: attempt } = createLogin({
    db: store.db,
    passwords,
    audit,
    limits: createAttemptLimits({ db: store.db, audit, now: clock.now, ...attemptLimitsOf(config) }),
    secondFactor: { isEnabled: async () => false, accept: async () => undefined },
    sessions: { open: () => Promise.reject(new Error("nobody may get in")) },
    requireVerifiedEmail: false,
  });
  const stranger = { name: "", origin: { address: "203.0.113.1", userAgent: "" } };
  const costs: number[] = [];
  const cases = [email, "nobody@example.org", "no address", "", "a".repeat(10_000)];
  for (const each of cases) {
    await failureOf(attempt({ email: each, password: "wrong password", code: "" }, stranger));
    costs.push(runs.splice(0).length);
  }
  await store.db.updateTable("users").set({ password_hash: null }).where("id", "=", userId).execute();
  await failureOf(attempt({ email, password, code: "" }, stranger));
  costs.push(runs.splice(0).length);
  await store.db.updateTable("users").set({ disabled_at: clock.now() }).where("id", "=", userId).execute();
  await failureOf(attempt({ email, password, code: "" }, stranger));
  costs.push(runs.splice(0).length);
  expect(costs).toEqual(costs.map(() => 1));
});

/** The hasher, and a line for each of its runs. */
async function counting(): Promise<{ passwords: Passwords; runs: string[] }> {
  const real = await createPasswords({ memoryBytes: 19 * 1024 ** 2, passes: 2, concurrency: 1, queue: 4 });
  const runs: string[] = [];
  const passwords: Passwords = {
    ...real,
    hash(...request) {
      runs.push("hash");
      return real.hash(...request);
    },
    matches(...request) {
      runs.push("verify");
      return real.matches(...request);
    },
  };
  return { passwords, runs };
}
