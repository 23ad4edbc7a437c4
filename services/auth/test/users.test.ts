import { randomUUID, randomUUIDv7 } from "node:crypto";
import { createLogger, type Database, loadSettings, migrate, openDatabase } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { type Auth, createAuth } from "../src/auth.ts";
import { settings } from "../src/config.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { AuthTables } from "../src/store/tables.ts";
import { type Caller, operatorCaller } from "../src/users.ts";
import { cheapHashing, createTestClock, failureOf } from "./running-auth.ts";

// Of a server of its own: the embedded database runs one transaction at a time, which would hide every race.
let postgres: NativePostgres;
let database: Database<AuthTables>;
let auth: Auth;
const clock = createTestClock();
const origin = { address: "192.0.2.1", userAgent: "tests" };
const password = "a good long passphrase";

beforeAll(async () => {
  postgres = await startNativePostgres();
  database = openDatabase<AuthTables>({ url: postgres.url, schema: "auth" });
  await migrate(database, migrations);
  auth = await createAuth({
    db: database.db,
    relay: { kick() {} },
    config: loadSettings(settings, cheapHashing),
    runtime: {
      log: createLogger({ level: "silent", format: "json" }),
      now: clock.now,
      newId: randomUUIDv7,
    },
  });
});

afterAll(async () => {
  await database?.close();
  await postgres?.stop();
});

/** Accounts of one test: an administrator, and whom else it asks for. */
let admin: Caller;
beforeEach(async () => {
  await database.db.deleteFrom("users").execute();
  await database.db.deleteFrom("outbox").execute();
  admin = await add("admin");
});

let count = 0;
async function add(role: "user" | "admin" = "user", name = "Somebody"): Promise<Caller & { userId: string }> {
  count += 1;
  const email = `person${count}@example.org`;
  const { id } = await auth.users.create({ email, name, password, role }, operatorCaller);
  return callerOf(id, role === "admin");
}

function callerOf(userId: string, isAdmin: boolean): Caller & { userId: string } {
  return { actor: { name: userId, origin }, userId, isAdmin, mayMakeAdmins: isAdmin };
}

const idOf = ({ userId }: Caller) => userId ?? "";
const entriesAbout = async (userId: string) =>
  (await auth.auditEntries.list({ pageSize: 0, pageToken: "", userId })).entries.toReversed();
const subjects = async () =>
  (await database.db.selectFrom("outbox").select("subject").orderBy("id").execute()).map(
    (row) => row.subject,
  );

describe("an account", () => {
  test("is its owner's and the administrators'", async () => {
    const [user, other] = [await add(), await add()];
    expect(await auth.users.get(user.userId, user)).toMatchObject({
      id: user.userId,
      role: "user",
      disabled: false,
      hasPassword: true,
      twoFactorEnabled: false,
    });
    await auth.users.get(user.userId, admin);
    for (const [id, caller] of [
      [user.userId, other],
      [randomUUID(), user],
      [randomUUID(), admin],
      ["' or 1=1 --", admin],
      ["", admin],
    ] as const) {
      const failures = await Promise.all([
        failureOf(auth.users.get(id, caller)),
        failureOf(auth.users.update(id, { name: "Mine" }, caller)),
        failureOf(auth.users.update(id, { role: "admin" }, caller)),
        failureOf(auth.users.delete(id, { password }, caller)),
      ]);
      for (const failure of failures) {
        expect(failure).toMatchObject({ code: Status.NOT_FOUND, reason: "USER_NOT_FOUND" });
      }
    }
  });

  test("made without a password is invited, and cannot log in with an empty one", async () => {
    const user = await auth.users.create(
      { email: "invited@example.org", name: "Invited", password: "", role: "" },
      admin,
    );
    expect(user).toMatchObject({ role: "user", hasPassword: false });
    const mails = await database.db
      .selectFrom("mails")
      .select("template")
      .where("user_id", "=", user.id)
      .execute();
    expect(mails).toEqual([{ template: "invitation" }]);
  });

  test.each(["root", "ADMIN", "user "])("is made with a role that there is, not %j", async (role) => {
    const failure = await failureOf(
      auth.users.create({ email: "a@example.org", name: "A", password, role }, admin),
    );
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_ACCOUNT" });
    expect(failure.violations.map((each) => each.field)).toEqual(["role"]);
  });

  test("is not made by who is no administrator any more, whatever his token says", async () => {
    const former = await add("admin");
    await auth.users.update(former.userId, { role: "user" }, admin);
    const request = { email: "backdoor@example.org", name: "B", password, role: "admin" };
    expect((await failureOf(auth.users.create(request, former))).reason).toBe("ADMIN_REQUIRED");
    const back = auth.users.update(former.userId, { role: "admin" }, former);
    expect((await failureOf(back)).reason).toBe("ADMIN_REQUIRED");
    const other = await add();
    expect((await failureOf(auth.users.delete(other.userId, { password: "" }, former))).reason).toBe(
      "ADMIN_REQUIRED",
    );
  });
});

test("a key with the scope of administrators makes none of them, and changes everything else", async () => {
  const user = await add();
  const byKey = { ...admin, mayMakeAdmins: false };
  const request = { email: "second@example.org", name: "B", password, role: "admin" };
  for (const attempt of [
    auth.users.create(request, byKey),
    auth.users.update(user.userId, { role: "admin" }, byKey),
  ]) {
    expect(await failureOf(attempt)).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "SESSION_REQUIRED",
    });
  }
  await auth.users.create({ ...request, role: "user" }, byKey);
  await auth.users.update(user.userId, { name: "B", role: "user", disabled: true }, byKey);
});

describe("the list", () => {
  const list = async (query: string, pageSize = 0, pageToken = "") =>
    auth.users.list({ query, pageSize, pageToken });

  test("is of everybody, oldest first, in pages without gaps", async () => {
    clock.advance(1);
    const made = [idOf(admin)];
    // Several within one moment.
    for (const ms of [0, 0, 1, 0, 0, 1]) {
      clock.advance(ms);
      made.push((await add()).userId);
    }
    const paged: string[] = [];
    let pageToken = "";
    do {
      const page = await list("", 2, pageToken);
      expect(page.users.length).toBeLessThanOrEqual(2);
      paged.push(...page.users.map((user) => user.id));
      pageToken = page.nextPageToken;
    } while (pageToken !== "");
    expect(paged).toHaveLength(made.length);
    expect(new Set(paged)).toEqual(new Set(made));
    const whole = (await list("")).users;
    expect(whole.map((user) => user.id)).toEqual(paged);
    expect(whole.map((user) => user.createdAt)).toEqual(
      whole.map((user) => user.createdAt).toSorted((a, b) => a.getTime() - b.getTime()),
    );
  });

  test("finds parts of addresses and names as they are written", async () => {
    await add("user", "100% Ada_Lovelace\\");
    await add("user", "Grace");
    const names = async (query: string) => (await list(query)).users.map((user) => user.name);
    expect(await names("aDa_")).toEqual(["100% Ada_Lovelace\\"]);
    expect(await names("0%")).toEqual(["100% Ada_Lovelace\\"]);
    expect(await names("e\\")).toEqual(["100% Ada_Lovelace\\"]);
    expect(await names("%")).toHaveLength(1);
    expect(await names("_ovel")).toEqual([]);
    expect(await names("@EXAMPLE.org")).toHaveLength(3);
    expect(await names(" grace ")).toEqual(["Grace"]);
    expect(await names("' or 1=1 --")).toEqual([]);
  });

  test.each(["x".repeat(101), "a\u0000b", "a\nb"])("refuses the query %j", async (query) => {
    expect((await failureOf(list(query))).reason).toBe("INVALID_QUERY");
  });

  test("refuses the page token of another query", async () => {
    await add();
    const { nextPageToken } = await list("", 1);
    expect((await failureOf(list("a", 1, nextPageToken))).reason).toBe("INVALID_PAGE_TOKEN");
    const forged = Buffer.from(JSON.stringify({ v: 1, a: "x", c: "'" })).toString("base64url");
    expect((await failureOf(list("", 1, forged))).reason).toBe("INVALID_PAGE_TOKEN");
  });
});

describe("a change", () => {
  test("of one's own name is one's own; anything else is an administrator's", async () => {
    const user = await add();
    expect(await auth.users.update(user.userId, { name: " Ada " }, user)).toMatchObject({ name: "Ada" });
    for (const changes of [{ role: "admin" }, { disabled: true }, { name: "B", role: "user" }]) {
      expect(await failureOf(auth.users.update(user.userId, changes, user))).toMatchObject({
        code: Status.PERMISSION_DENIED,
        reason: "ADMIN_REQUIRED",
      });
    }
    expect(await auth.users.get(user.userId, user)).toMatchObject({ name: "Ada", role: "user" });
    expect((await entriesAbout(user.userId)).slice(1)).toEqual([
      expect.objectContaining({ action: "account.updated", actor: user.userId, reason: "name" }),
      ...Array.from({ length: 3 }, () =>
        expect.objectContaining({ outcome: "failure", reason: "ADMIN_REQUIRED", ...origin }),
      ),
    ]);
  });

  test.each([
    ["name", { name: "" }],
    ["name", { name: "n".repeat(101) }],
    ["name", { name: "a\u202eb" }],
    ["role", { role: "owner" }],
    ["role", { role: "" }],
  ])("to a bad %s is refused: %j", async (field, changes) => {
    const user = await add();
    const failure = await failureOf(auth.users.update(user.userId, changes, admin));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_ACCOUNT" });
    expect(failure.violations.map((each) => each.field)).toEqual([field]);
  });

  test.each([
    ["another role", { role: "admin" }, "role-changed", []],
    ["closing", { disabled: true }, "account-disabled", [events.userDisabled.subject]],
  ])("%s ends sessions, keys and service accounts at once", async (_, changes, reason, told) => {
    const [user, other] = [await add(), await add()];
    const grants = await openAccess(user.userId);
    const others = await openAccess(other.userId);
    await database.db.deleteFrom("outbox").execute();
    await auth.users.update(user.userId, changes, admin);
    expect(await revoked(grants)).toEqual(grants.toSorted());
    expect(await revoked(others)).toEqual([]);
    expect((await subjects()).toSorted()).toEqual([
      events.serviceAccountRevoked.subject,
      events.apiKeyRevoked.subject,
      events.sessionRevoked.subject,
      ...told,
    ]);
    const sessions = await database.db
      .selectFrom("sessions")
      .select("revoked_reason")
      .where("user_id", "=", user.userId)
      .execute();
    expect(sessions).toEqual([{ revoked_reason: reason }]);
    expect((await auth.apiKeys.list(user.userId, { pageSize: 0, pageToken: "" })).apiKeys).toEqual([]);
    expect((await auth.apiKeys.list(other.userId, { pageSize: 0, pageToken: "" })).apiKeys).toHaveLength(1);
  });

  test("that closes or opens an account is told to the other services, once", async () => {
    const { userId } = await add();
    await database.db.deleteFrom("outbox").execute();
    for (const disabled of [true, true, false, false, true])
      await auth.users.update(userId, { disabled }, admin);
    await auth.users.update(userId, { name: "Closed" }, admin);
    const { userDisabled, userEnabled } = events;
    const rows = await database.db
      .selectFrom("outbox")
      .select(["subject", "payload"])
      .where("subject", "in", [userDisabled.subject, userEnabled.subject])
      .orderBy("id")
      .execute();
    const told = [userDisabled, userEnabled, userDisabled].map(({ subject }) => subject);
    expect(rows.map((row) => row.subject)).toEqual(told);
    for (const { payload } of rows) expect(userDisabled.message.decode(payload)).toEqual({ userId });
  });

  test("ending sessions is immediate, closes nothing, leaves keys, and is recorded", async () => {
    const [user, other] = [await add(), await add()];
    const grants = await openAccess(user.userId);
    const others = await openAccess(other.userId);
    await auth.sessions.open({ userId: user.userId, method: "password", origin });
    await database.db.deleteFrom("outbox").execute();
    const ended = await auth.endSessions(user.userId, admin);
    expect(ended).toHaveLength(2);
    expect((await revoked([...grants, ...ended])).toSorted()).toEqual(ended.toSorted());
    expect(await revoked(others)).toEqual([]);
    expect(new Set(await subjects())).toEqual(new Set([events.sessionRevoked.subject]));
    expect((await auth.apiKeys.list(user.userId, { pageSize: 0, pageToken: "" })).apiKeys).toHaveLength(1);
    await auth.sessions.open({ userId: user.userId, method: "password", origin });
    expect((await entriesAbout(user.userId)).slice(-2)).toMatchObject([
      { action: "session.revoked", outcome: "success", reason: "all 2", actor: admin.userId },
      { action: "session.opened" },
    ]);
  });

  test("a login through a provider that was unlinked meanwhile opens no session", async () => {
    const { userId } = await add();
    const identity = { issuer: "https://id.example.org", subject: "somebody" };
    const open = () => auth.sessions.open({ userId, method: "oidc", origin, identity });
    expect((await failureOf(open())).reason).toBe("INVALID_OIDC_STATE");
    const values = { ...identity, user_id: userId, linked_at: clock.now() };
    await database.db.insertInto("identities").values(values).execute();
    await open();
  });

  test("sessions are ended by who administers now, of who is there", async () => {
    const [user, former] = [await add(), await add("admin")];
    await openAccess(user.userId);
    await auth.users.update(former.userId, { role: "user" }, admin);
    for (const caller of [former, user, { ...user, isAdmin: true }]) {
      expect((await failureOf(auth.endSessions(user.userId, caller))).reason).toBe("ADMIN_REQUIRED");
    }
    expect((await entriesAbout(user.userId)).at(-1)).toMatchObject({
      action: "session.revoked",
      outcome: "failure",
      reason: "ADMIN_REQUIRED",
    });
    for (const id of [randomUUID(), "' or 1=1 --", ""]) {
      expect((await failureOf(auth.endSessions(id, operatorCaller))).reason).toBe("USER_NOT_FOUND");
    }
    expect(await auth.endSessions(user.userId, operatorCaller)).toHaveLength(1);
    expect((await entriesAbout(user.userId)).at(-1)).toMatchObject({ actor: "operator", reason: "all 1" });
  });

  test("that changes nothing ends nothing and is not recorded", async () => {
    const user = await add();
    const grants = await openAccess(user.userId);
    const before = await entriesAbout(user.userId);
    await auth.users.update(user.userId, { name: "Somebody", role: "user", disabled: false }, admin);
    await auth.users.update(user.userId, {}, admin);
    expect(await revoked(grants)).toEqual([]);
    expect(await entriesAbout(user.userId)).toEqual(before);
  });

  test("a closed account lets nobody in until it is opened again", async () => {
    const user = await add();
    await auth.users.update(user.userId, { disabled: true }, admin);
    const open = () => auth.sessions.open({ userId: user.userId, method: "password", origin });
    expect((await failureOf(open())).reason).toBe("ACCOUNT_DISABLED");
    expect(await auth.users.update(user.userId, { disabled: false }, admin)).toMatchObject({
      disabled: false,
    });
    await open();
    expect((await entriesAbout(user.userId)).map((entry) => entry.action)).toEqual([
      "account.created",
      "account.disabled",
      "account.enabled",
      "session.opened",
    ]);
  });
});

describe("deleting", () => {
  test("takes everything of the account, tells every service, and leaves its id in the log", async () => {
    const user = await add();
    const grants = await openAccess(user.userId);
    await database.db.deleteFrom("outbox").execute();
    expect(await auth.users.delete(user.userId, { password: "" }, admin)).toEqual(clock.now());
    expect((await failureOf(auth.users.get(user.userId, admin))).reason).toBe("USER_NOT_FOUND");
    expect(await revoked(grants)).toEqual(grants.toSorted());
    const rows = await database.db.selectFrom("outbox").select(["subject", "payload"]).execute();
    const deleted = rows.filter((row) => row.subject === events.userDeleted.subject);
    expect(deleted.map((row) => events.userDeleted.message.decode(row.payload))).toEqual([
      { userId: user.userId },
    ]);
    const entries = await entriesAbout(user.userId);
    expect(entries.at(-1)).toMatchObject({ actor: idOf(admin), subjectUserId: user.userId });
    expect(entries.map((entry) => entry.action)).toContain("account.deleted");
    expect((await failureOf(auth.users.delete(user.userId, { password: "" }, admin))).reason).toBe(
      "USER_NOT_FOUND",
    );
  });

  test("one's own account needs the password, an administrator's too", async () => {
    const second = await add("admin");
    for (const own of [await add(), second]) {
      const attempt = (text: string) => auth.users.delete(own.userId, { password: text }, own);
      expect((await failureOf(attempt(""))).reason).toBe("INVALID_CREDENTIALS");
      expect((await failureOf(attempt("not the password"))).reason).toBe("INVALID_CREDENTIALS");
      expect((await entriesAbout(own.userId)).at(-1)).toMatchObject({
        action: "account.deleted",
        outcome: "failure",
        reason: "INVALID_CREDENTIALS",
      });
      await attempt(password);
    }
  });

  test("an account without a password needs a login of the last 10 minutes instead", async () => {
    const own = await add();
    await database.db
      .updateTable("users")
      .set({ password_hash: null })
      .where("id", "=", own.userId)
      .execute();
    await auth.sessions.open({ userId: own.userId, method: "oidc", origin });
    const [session] = await database.db
      .selectFrom("sessions")
      .select("id")
      .where("user_id", "=", own.userId)
      .execute();
    const attempt = (caller: Caller) => auth.users.delete(own.userId, { password: "" }, caller);
    const inSession = { ...own, sessionId: session?.id ?? "" };
    expect((await failureOf(attempt(own))).code).toBe(Status.PERMISSION_DENIED);
    const elsewhere = { ...own, sessionId: randomUUID() };
    expect((await failureOf(attempt(elsewhere))).reason).toBe("RECENT_LOGIN_REQUIRED");
    clock.advance(10 * 60_000);
    expect((await failureOf(attempt(inSession))).reason).toBe("RECENT_LOGIN_REQUIRED");
    clock.advance(-1);
    await attempt(inSession);
  });
});

describe("the last administrator", () => {
  test.each([
    ["is not demoted", (id: string) => auth.users.update(id, { role: "user" }, operatorCaller)],
    ["is not disabled", (id: string) => auth.users.update(id, { disabled: true }, operatorCaller)],
    ["is not deleted", (id: string) => auth.users.delete(id, { password: "" }, operatorCaller)],
    ["does not demote himself", (id: string) => auth.users.update(id, { role: "user" }, callerOf(id, true))],
    ["does not delete himself", (id: string) => auth.users.delete(id, { password }, callerOf(id, true))],
  ])("%s", async (_, attempt) => {
    const closed = await add("admin");
    await auth.users.update(closed.userId, { disabled: true }, admin);
    expect(await failureOf(attempt(idOf(admin)))).toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: "LAST_ADMIN",
    });
    expect(await auth.users.get(idOf(admin), admin)).toMatchObject({ role: "admin", disabled: false });
    expect((await entriesAbout(idOf(admin))).at(-1)).toMatchObject({
      outcome: "failure",
      reason: "LAST_ADMIN",
    });
  });

  test("may change what leaves him one, and others may go", async () => {
    await auth.users.update(idOf(admin), { name: "Chief", role: "admin", disabled: false }, admin);
    const closed = await add("admin");
    await auth.users.update(closed.userId, { disabled: true }, admin);
    await auth.users.delete(closed.userId, { password: "" }, admin);
  });

  test.each([
    ["demote", (each: Caller) => auth.users.update(idOf(each), { role: "user" }, operatorCaller)],
    ["close", (each: Caller) => auth.users.update(idOf(each), { disabled: true }, operatorCaller)],
    ["delete", (each: Caller) => auth.users.delete(idOf(each), { password: "" }, operatorCaller)],
  ])("is still there after all were asked at once to %s", async (_, change) => {
    const all = [admin, await add("admin"), await add("admin"), await add("admin")];
    const outcomes = await Promise.allSettled(all.map(async (each) => void (await change(each))));
    const refused = outcomes.flatMap((each) => (each.status === "rejected" ? [each.reason.reason] : []));
    expect(refused).toEqual(["LAST_ADMIN"]);
  });

  test("two who close each other at once: one is left", async () => {
    for (let round = 0; round < 5; round += 1) {
      const second = await add("admin");
      const outcomes = await Promise.allSettled([
        auth.users.update(second.userId, { disabled: true }, admin),
        auth.users.update(idOf(admin), { disabled: true }, second),
      ]);
      expect(outcomes.map((each) => each.status).toSorted()).toEqual(["fulfilled", "rejected"]);
      if (outcomes[0]?.status === "rejected") admin = second;
    }
  });
});

/** A session, an API key and a service account of a user; their ids. */
async function openAccess(userId: string): Promise<string[]> {
  await auth.sessions.open({ userId, method: "password", origin });
  const sessions = await database.db
    .selectFrom("sessions")
    .select("id")
    .where("user_id", "=", userId)
    .execute();
  const actor = { name: userId, origin };
  const key = await auth.apiKeys.create({ name: "Key", scopes: ["photos:read"] }, { userId }, actor);
  count += 1;
  const account = await auth.serviceAccounts.create(
    { name: `program-${count}`, scopes: ["photos:read"], userId },
    () => true,
    actor,
  );
  return [...sessions.map((row) => row.id), key.apiKey.id, account.serviceAccount.id];
}

async function revoked(ids: string[]): Promise<string[]> {
  const rows = await database.db
    .selectFrom("revocations")
    .select("grant_id")
    .where("grant_id", "in", ids)
    .execute();
  return rows.map((row) => row.grant_id).toSorted();
}
