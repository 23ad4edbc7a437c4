import { openDatabase } from "@ocelli/chassis";
import { events } from "@ocelli/contracts";
import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import type { AuthTables } from "../src/store/tables.ts";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";
import { linkTo, mailsTo } from "./sent-mail.ts";

const minuteMs = 60_000;
const password = "correct horse battery";
const newPassword = "staples and batteries";
const clock = createTestClock();
const neverIssued = `ocelli_at_${"A".repeat(43)}`;

// The embedded database runs one transaction at a time, which would hide every race.
let database: NativePostgres;
let store: ReturnType<typeof openDatabase<AuthTables>>;
let auth: RunningAuth;
let email: string;
let userId: string;
let count = 0;

beforeAll(async () => {
  database = await startNativePostgres();
  auth = await startAuth({
    databaseUrl: database.url,
    clock,
    env: { AUTH_LIMIT_SIGN_UP_ADDRESS: "off", AUTH_LIMIT_RESET_ADDRESS: "off" },
  });
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
  const { user } = await auth.client.signUp({ email, password, name: "Someone" });
  userId = user?.id ?? "";
  // Failures of the test before must not slow this one down.
  await store.db.deleteFrom("attempt_windows").execute();
});

async function login(address = email, secret = password) {
  return tokensOf(await auth.client.login({ email: address, password: secret }));
}

async function userOf(bearer: string) {
  return (await auth.client.getCurrentUser({}, { bearer })).user;
}

async function resetLink(): Promise<string> {
  const before = mailsTo(auth, email).filter((mail) => mail.token !== "").length;
  await auth.client.requestPasswordReset({ email });
  return linkTo(auth, email, before + 1);
}

/** How often the other services are told to take back what a stranger gave. */
async function dispossessions(): Promise<number> {
  const { subject, message } = events.userDispossessed;
  const rows = await store.db.selectFrom("outbox").select(["subject", "payload"]).execute();
  const sent = auth.events.filter((each) => each.subject === subject);
  const waiting = rows.filter((each) => each.subject === subject);
  const all = new Set([...sent, ...waiting].map(({ payload }) => Buffer.from(payload).toString("hex")));
  const own = [...all].filter((hex) => message.decode(Buffer.from(hex, "hex")).userId === userId);
  return own.length;
}

async function auditOf(action: string) {
  return store.db
    .selectFrom("audit_log")
    .select(["actor", "outcome", "reason"])
    .where("subject_user_id", "=", userId)
    .where("action", "=", action)
    .execute();
}

describe("a new account", () => {
  test("is asked to confirm its address, once is enough, and is welcomed", async () => {
    const token = await linkTo(auth, email);
    const { accessToken } = await login();
    expect((await userOf(accessToken))?.emailVerified).toBe(false);
    await auth.client.verifyEmail({ token });
    expect((await userOf(accessToken))?.emailVerified).toBe(true);
    await vi.waitFor(() => expect(mailsTo(auth, email)).toHaveLength(2));
    expect((await failureOf(auth.client.verifyEmail({ token }))).reason).toBe("INVALID_VERIFICATION_TOKEN");
    expect(await failureOf(auth.client.requestEmailVerification({}, { bearer: accessToken }))).toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: "EMAIL_ALREADY_VERIFIED",
    });
    expect(await auditOf("email.verified")).toEqual([{ actor: userId, outcome: "success", reason: "" }]);
  });

  test("gets further links; the newest three work, and the others die with the first used", async () => {
    const tokens = [await linkTo(auth, email)];
    const { accessToken } = await login();
    for (let request = 2; request <= 4; request += 1) {
      clock.advance(1000);
      await auth.client.requestEmailVerification({}, { bearer: accessToken });
      tokens.push(await linkTo(auth, email, request));
    }
    expect((await failureOf(auth.client.verifyEmail({ token: tokens[0] ?? "" }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
    await auth.client.verifyEmail({ token: tokens[1] ?? "" });
    expect((await userOf(accessToken))?.emailVerified).toBe(true);
    expect((await failureOf(auth.client.verifyEmail({ token: tokens[2] ?? "" }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
  });

  test("may not ask for links without end", async () => {
    const { accessToken: bearer } = await login();
    for (let request = 0; request < 5; request += 1)
      await auth.client.requestEmailVerification({}, { bearer });
    expect(await failureOf(auth.client.requestEmailVerification({}, { bearer }))).toMatchObject({
      code: Status.RESOURCE_EXHAUSTED,
      reason: "TOO_MANY_ATTEMPTS",
      retryAfterMs: expect.any(Number),
    });
  });
});

describe("a forgotten password", () => {
  test("is replaced once, ends every session, proves the address, and is told", async () => {
    const { accessToken, refreshToken } = await login();
    const token = await resetLink();
    await auth.client.resetPassword({ token, newPassword });
    expect((await failureOf(auth.client.refresh({ refreshToken }))).reason).toBe("INVALID_REFRESH_TOKEN");
    expect((await failureOf(login())).reason).toBe("INVALID_CREDENTIALS");
    expect((await userOf((await login(email, newPassword)).accessToken))?.emailVerified).toBe(true);
    expect((await failureOf(auth.client.resetPassword({ token, newPassword }))).reason).toBe(
      "INVALID_RESET_TOKEN",
    );
    await vi.waitFor(() =>
      expect(mailsTo(auth, email).some((mail) => /changed/i.test(mail.subject))).toBe(true),
    );
    await vi.waitFor(async () => {
      expect((await failureOf(userOf(accessToken))).reason).toBe("TOKEN_REVOKED");
    });
    expect(await auditOf("password.reset")).toEqual([{ actor: userId, outcome: "success", reason: "" }]);
  });

  test("is asked for with one and the same answer, whoever has the address", async () => {
    const before = mailsTo(auth, email).length;
    const answers = await Promise.all(
      ["nobody@example.org", email, email.toUpperCase()].map((each) =>
        auth.client.requestPasswordReset({ email: each }),
      ),
    );
    expect(answers).toEqual([{}, {}, {}]);
    await vi.waitFor(() => expect(mailsTo(auth, email)).toHaveLength(before + 2));
    expect(mailsTo(auth, "nobody@example.org")).toEqual([]);
  });

  test("is limited alike for addresses with an account and without", async () => {
    for (const address of [email, `nobody${count}@example.org`]) {
      const outcomes = await Promise.allSettled(
        Array.from({ length: 7 }, () => auth.client.requestPasswordReset({ email: address })),
      );
      expect(outcomes.filter((each) => each.status === "fulfilled")).toHaveLength(5);
    }
  });

  test("a password that is refused does not use the link up", async () => {
    const token = await resetLink();
    for (const bad of ["short", "password1", `${email}1`]) {
      expect(await failureOf(auth.client.resetPassword({ token, newPassword: bad }))).toMatchObject({
        code: Status.INVALID_ARGUMENT,
        reason: "INVALID_PASSWORD",
        violations: [{ field: "newPassword" }],
      });
    }
    await auth.client.resetPassword({ token, newPassword });
    await login(email, newPassword);
  });

  test("of parallel uses of one link one counts", async () => {
    const token = await resetLink();
    const outcomes = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) =>
        auth.client.resetPassword({ token, newPassword: `${newPassword} ${index}` }),
      ),
    );
    expect(outcomes.filter((each) => each.status === "fulfilled")).toHaveLength(1);
  });

  test("does not open an account that was closed", async () => {
    const token = await resetLink();
    await store.db.updateTable("users").set({ disabled_at: clock.now() }).where("id", "=", userId).execute();
    expect((await failureOf(auth.client.resetPassword({ token, newPassword }))).reason).toBe(
      "INVALID_RESET_TOKEN",
    );
    const before = mailsTo(auth, email).length;
    await auth.client.requestPasswordReset({ email });
    expect(mailsTo(auth, email)).toHaveLength(before);
  });

  test("throws out who registered somebody else's address and left ways back in", async () => {
    const intruder = await login();
    const bearer = intruder.accessToken;
    await auth.apiKeys.createApiKey({ name: "way back", scopes: ["search"] }, { bearer });
    await store.db
      .insertInto("identities")
      .values({ issuer: "https://evil.example", subject: email, user_id: userId, linked_at: clock.now() })
      .execute();
    await auth.client.changeEmail({ newEmail: `evil${count}@example.org`, password }, { bearer });
    const pending = await linkTo(auth, `evil${count}@example.org`);
    await auth.client.resetPassword({ token: await resetLink(), newPassword });
    expect((await failureOf(auth.client.verifyEmail({ token: pending }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
    for (const table of ["api_keys", "identities", "action_tokens"] as const) {
      expect(
        await store.db.selectFrom(table).select("user_id").where("user_id", "=", userId).execute(),
      ).toEqual([]);
    }
    expect(await dispossessions()).toBe(1);
    // Proven by now: whoever made what is there is the owner.
    await auth.client.resetPassword({ token: await resetLink(), newPassword: `${newPassword}!` });
    expect(await dispossessions()).toBe(1);
  });
});

test("somebody invited chooses a password with the link, which also proves the address", async () => {
  const guest = `guest${count}@example.org`;
  // The first account of all is the administrator's.
  const { accessToken: bearer } = await login("person1@example.org");
  await auth.users.createUser({ email: guest, name: "Guest" }, { bearer });
  expect((await failureOf(login(guest, ""))).reason).toBe("INVALID_CREDENTIALS");
  const token = await linkTo(auth, guest);
  clock.advance(6 * 24 * 60 * minuteMs);
  await auth.client.resetPassword({ token, newPassword });
  const session = await login(guest, newPassword);
  expect(await userOf(session.accessToken)).toMatchObject({
    emailVerified: true,
    hasPassword: true,
    role: "user",
  });
});

describe("another address", () => {
  test("takes effect when its link is used; the old one is told and works no more", async () => {
    const next = `Next${count}@Example.org`;
    const { accessToken: bearer } = await login();
    const reset = await resetLink();
    await auth.client.changeEmail({ newEmail: next, password }, { bearer });
    await vi.waitFor(() => expect(mailsTo(auth, email).at(-1)?.text).toContain(next));
    expect((await userOf(bearer))?.email).toBe(email);
    await auth.client.verifyEmail({ token: await linkTo(auth, next) });
    expect(await userOf(bearer)).toMatchObject({ email: next, emailVerified: true });
    expect((await failureOf(login())).reason).toBe("INVALID_CREDENTIALS");
    await login(next.toLowerCase());
    // A link that went to the old address opens nothing any more.
    expect((await failureOf(auth.client.resetPassword({ token: reset, newPassword }))).reason).toBe(
      "INVALID_RESET_TOKEN",
    );
  });

  test("needs the password", async () => {
    const { accessToken: bearer } = await login();
    const call = auth.client.changeEmail(
      { newEmail: "x@example.org", password: "not the password" },
      { bearer },
    );
    expect((await failureOf(call)).reason).toBe("INVALID_CREDENTIALS");
    expect(await auditOf("email.change-requested")).toEqual([
      { actor: userId, outcome: "failure", reason: "INVALID_CREDENTIALS" },
    ]);
  });

  test.each([
    ["the same", () => email.toUpperCase(), "INVALID_ACCOUNT"],
    ["none", () => "", "INVALID_ACCOUNT"],
    ["one with a line break", () => "a@example.org\r\nBcc: b@example.org", "INVALID_ACCOUNT"],
    ["one with a hidden second @", () => "a@example.org\uff20evil.example", "INVALID_ACCOUNT"],
    ["one that is taken", () => "PERSON1@example.org", "EMAIL_TAKEN"],
    ["one that is taken, in full width", () => "ｐｅｒｓｏｎ１@example.org", "EMAIL_TAKEN"],
  ])("is refused when it is %s", async (_, newEmail, reason) => {
    const { accessToken: bearer } = await login();
    const failure = await failureOf(auth.client.changeEmail({ newEmail: newEmail(), password }, { bearer }));
    expect(failure.reason).toBe(reason);
  });

  test("that somebody else took meanwhile stays his", async () => {
    const next = `contested${count}@example.org`;
    const { accessToken: bearer } = await login();
    await auth.client.changeEmail({ newEmail: next, password }, { bearer });
    const token = await linkTo(auth, next);
    await auth.client.signUp({ email: next.toUpperCase(), password, name: "Faster" });
    expect(await failureOf(auth.client.verifyEmail({ token }))).toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: "EMAIL_TAKEN",
    });
    expect((await userOf(bearer))?.email).toBe(email);
  });

  test("that two accounts confirm at once is one's", async () => {
    const next = `shared${count}@example.org`;
    const tokens: string[] = [];
    for (const name of ["one", "two", "three"]) {
      const own = `${name}${count}@example.org`;
      await auth.client.signUp({ email: own, password, name });
      await auth.client.changeEmail({ newEmail: next, password }, { bearer: (await login(own)).accessToken });
      tokens.push(await linkTo(auth, next, tokens.length + 1));
    }
    const outcomes = await Promise.allSettled(tokens.map((token) => auth.client.verifyEmail({ token })));
    expect(outcomes.filter((each) => each.status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      expect((await failureOf(Promise.reject(outcome.reason))).reason).toBe("EMAIL_TAKEN");
    }
  });

  test("asked for anew makes the older request void", async () => {
    const [first, second] = [`first${count}@example.org`, `second${count}@example.org`];
    const { accessToken: bearer } = await login();
    await auth.client.changeEmail({ newEmail: first, password }, { bearer });
    const old = await linkTo(auth, first);
    await auth.client.changeEmail({ newEmail: second, password }, { bearer });
    expect((await failureOf(auth.client.verifyEmail({ token: old }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
    await auth.client.verifyEmail({ token: await linkTo(auth, second) });
  });

  test("is not to be had by who changed the password after it was asked for", async () => {
    const next = `intruder${count}@example.org`;
    const { accessToken: bearer } = await login();
    await auth.client.changeEmail({ newEmail: next, password }, { bearer });
    const token = await linkTo(auth, next);
    await auth.client.changePassword({ currentPassword: password, newPassword }, { bearer });
    expect((await failureOf(auth.client.verifyEmail({ token }))).reason).toBe("INVALID_VERIFICATION_TOKEN");
  });
});

describe("a token of a link", () => {
  test.each([
    ["nothing", ""],
    ["what was never issued", neverIssued],
    ["another kind of secret", `ocelli_rt_${"A".repeat(43)}`],
    ["SQL", "' or 1=1 --"],
    ["NUL", "ocelli_at_\u0000"],
    ["a megabyte", "x".repeat(1_000_000)],
  ])("that is %s does nothing", async (_, token) => {
    expect(await failureOf(auth.client.verifyEmail({ token }))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "INVALID_VERIFICATION_TOKEN",
    });
    expect(await failureOf(auth.client.resetPassword({ token, newPassword }))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "INVALID_RESET_TOKEN",
    });
  });

  test("works for its purpose only", async () => {
    const verify = await linkTo(auth, email);
    expect((await failureOf(auth.client.resetPassword({ token: verify, newPassword }))).reason).toBe(
      "INVALID_RESET_TOKEN",
    );
    const reset = await resetLink();
    expect((await failureOf(auth.client.verifyEmail({ token: reset }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
  });

  test("works for its time only: a reset 30 minutes, a verification a day", async () => {
    const verify = await linkTo(auth, email);
    const reset = await resetLink();
    clock.advance(30 * minuteMs);
    expect((await failureOf(auth.client.resetPassword({ token: reset, newPassword }))).reason).toBe(
      "INVALID_RESET_TOKEN",
    );
    clock.advance(24 * 60 * minuteMs - 30 * minuteMs);
    expect((await failureOf(auth.client.verifyEmail({ token: verify }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
  });

  test("dies with its account", async () => {
    const [verify, reset] = [await linkTo(auth, email), await resetLink()];
    await store.db.deleteFrom("users").where("id", "=", userId).execute();
    expect((await failureOf(auth.client.verifyEmail({ token: verify }))).reason).toBe(
      "INVALID_VERIFICATION_TOKEN",
    );
    expect((await failureOf(auth.client.resetPassword({ token: reset, newPassword }))).reason).toBe(
      "INVALID_RESET_TOKEN",
    );
  });

  test("is nowhere in the store", async () => {
    const token = await resetLink();
    const rows = await store.db.selectFrom("action_tokens").selectAll().execute();
    for (const row of rows) expect(row.token_hash).toHaveLength(32);
    expect(JSON.stringify(rows)).not.toContain(token.slice(10));
  });

  test("cannot be guessed on: failures are limited", async () => {
    const guesses = await Promise.all(
      Array.from({ length: 110 }, () => failureOf(auth.client.verifyEmail({ token: neverIssued }))),
    );
    expect(new Set(guesses.map((each) => each.reason))).toContain("INVALID_VERIFICATION_TOKEN");
    expect((await failureOf(auth.client.verifyEmail({ token: neverIssued }))).reason).toBe(
      "TOO_MANY_ATTEMPTS",
    );
    // A right one still works: it cannot have been found by trying.
    await auth.client.verifyEmail({ token: await linkTo(auth, email) });
  });
});
