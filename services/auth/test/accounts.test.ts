import { type NativePostgres, startNativePostgres } from "@ocelli/testkit";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

// Every call here comes from one address.
const unlimited = {
  AUTH_LIMIT_LOGIN_ADDRESS: "off",
  AUTH_LIMIT_LOGIN_ACCOUNT: "off",
  AUTH_LIMIT_SIGN_UP_ADDRESS: "off",
  AUTH_LONGEST_DELAY: "0s",
};

// The embedded database runs one transaction at a time, which would hide every race.
let database: NativePostgres;
let auth: RunningAuth;

beforeAll(async () => {
  database = await startNativePostgres();
  auth = await startAuth({ databaseUrl: database.url, clock: createTestClock(), env: unlimited });
});

afterAll(async () => {
  await auth?.stop();
  await database?.stop();
});

const password = "correct horse battery";

describe("sign-up", () => {
  test("two first sign-ups at once make one administrator", async () => {
    const responses = await Promise.all(
      ["first@example.org", "second@example.org"].map((email) =>
        auth.client.signUp({ email, password, name: "Someone" }),
      ),
    );
    expect(responses.map((response) => response.user?.role).toSorted()).toEqual(["admin", "user"]);
  });

  test("the account is as given, trimmed, and announced", async () => {
    const { user } = await auth.client.signUp({ email: "  Ada@Example.org ", password, name: " Ada 👩‍💻 " });
    expect(user).toMatchObject({ email: "Ada@Example.org", name: "Ada 👩‍💻", role: "user" });
    await vi.waitFor(() =>
      expect(auth.events.map((event) => event.subject)).toContain("ocelli.auth.user.created"),
    );
  });

  test.each([
    ["the same", "taken@example.org"],
    ["other case", "TAKEN@EXAMPLE.ORG"],
    ["spaces around", "\t taken@example.org \n"],
    ["full-width letters (NFKC)", "ｔａｋｅｎ@example.org"],
    ["full-width domain and dot", "taken@ｅｘａｍｐｌｅ．org"],
  ])("an address is taken, written with %s", async (_, email) => {
    await auth.client.signUp({ email: "taken@example.org", password, name: "A" }).catch(() => undefined);
    expect(await failureOf(auth.client.signUp({ email, password, name: "B" }))).toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: "EMAIL_TAKEN",
    });
  });

  test("an international domain is the same in Unicode and ASCII form", async () => {
    await auth.client.signUp({ email: "straße@bücher.example", password, name: "A" });
    const failure = await failureOf(
      auth.client.signUp({ email: "STRAßE@xn--bcher-kva.example", password, name: "B" }),
    );
    expect(failure.reason).toBe("EMAIL_TAKEN");
  });

  test("of 100 parallel sign-ups with one address one succeeds", async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 100 }, (_, index) =>
        auth.client.signUp({
          email: index % 2 ? "race@example.org" : "Race@example.org",
          password,
          name: "R",
        }),
      ),
    );
    expect(outcomes.filter((outcome) => outcome.status === "fulfilled")).toHaveLength(1);
    for (const outcome of outcomes) {
      if (outcome.status === "fulfilled") continue;
      // Some do not even get a place in the queue of the hasher.
      const { reason } = await failureOf(Promise.reject(outcome.reason));
      expect(["EMAIL_TAKEN", "TOO_MANY_LOGINS"]).toContain(reason);
    }
  });

  test.each([
    ["email", "no address", { email: "" }],
    ["email", "no @", { email: "example.org" }],
    ["email", "two @", { email: "a@b@example.org" }],
    ["email", "no domain", { email: "a@" }],
    ["email", "no dot in the domain", { email: "a@localhost" }],
    ["email", "an address literal", { email: "a@127.0.0.1" }],
    ["email", "a space", { email: "a b@example.org" }],
    ["email", "a line break with a header", { email: "a@example.org\r\nBcc: b@example.org" }],
    ["email", "NUL", { email: "a\u0000@example.org" }],
    ["email", "an invisible character", { email: "a\u200bb@example.org" }],
    ["email", "text direction override", { email: "a\u202eb@example.org" }],
    [
      "email",
      "255 characters",
      { email: `ab@${"b".repeat(60)}.${"c".repeat(60)}.${"d".repeat(60)}.${"e".repeat(60)}.examples` },
    ],
    ["email", "a long local part", { email: `${"a".repeat(65)}@example.org` }],
    ["email", "a character that NFKC makes 18", { email: `${"\ufdfa".repeat(200)}@example.org` }],
    ["email", "a second @ in full width", { email: "a\uff20b@example.org" }],
    ["email", "a full-width @ that hides another domain", { email: "admin@example.org\uff20evil.example" }],
    ["email", "a zero-width joiner", { email: "a\u200d@example.org" }],
    ["email", "a soft hyphen in the domain", { email: "a@exam\u00adple.org" }],
    ["email", "a trailing dot", { email: "a@example.org." }],
    ["email", "a right-to-left mark", { email: "a\u200f@example.org" }],
    ["email", "a lone surrogate", { email: "a\ud800@example.org" }],
    ["email", "a source route", { email: "@relay.example:a@example.org" }],
    ["email", "a display name", { email: "Ada <a@example.org>" }],
    ["email", "a megabyte", { email: `${"a".repeat(1_000_000)}@example.org` }],
    ["password", "7 characters", { password: "1234567" }],
    ["password", "7 characters of two code units", { password: "😀".repeat(7) }],
    ["password", "129 characters", { password: "xyz".repeat(43) }],
    ["password", "one character over and over", { password: "x".repeat(20) }],
    ["password", "one that everybody tries", { password: "Password1" }],
    ["password", "one that everybody tries, in full width", { password: "ｐａｓｓｗｏｒｄ１" }],
    ["password", "one that everybody tries, with additions", { password: "Sunshine2024!" }],
    ["password", "the address", { password: "hostile@example.org" }],
    ["password", "the service's name", { password: "Ocelli-2024" }],
    ["password", "nothing", { password: "" }],
    ["password", "a megabyte", { password: "x".repeat(1_000_000) }],
    ["name", "nothing", { name: "" }],
    ["name", "spaces", { name: "   " }],
    ["name", "101 characters", { name: "n".repeat(101) }],
    ["name", "NUL", { name: "a\u0000b" }],
    ["name", "a line break", { name: "a\nb" }],
    ["name", "text direction override", { name: "a\u202eb" }],
  ])("refuses %s with %s", async (field, _, part) => {
    const failure = await failureOf(
      auth.client.signUp({ email: "hostile@example.org", password, name: "H", ...part }),
    );
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_ACCOUNT" });
    expect([...new Set(failure.violations.map((violation) => violation.field))]).toEqual([field]);
    expect(failure.violations.map((violation) => violation.description).join()).not.toContain("hostile");
  });

  test.each([
    ["8 characters of two code units", `${"😀😃".repeat(3)}😄😁`],
    ["128 characters of four bytes", "😀😃😄😁".repeat(32)],
    ["NUL, quotes and spaces", "  \u0000'\"; drop table users;--  "],
  ])("takes a password of %s, and no other one logs in", async (name, odd) => {
    const email = `odd${name.length}@example.org`;
    await auth.client.signUp({ email, password: odd, name: "Odd" });
    expect(tokensOf(await auth.client.login({ email, password: odd })).expiresIn).toBe(600);
    expect((await failureOf(auth.client.login({ email, password: `${odd} ` }))).reason).toBe(
      "INVALID_CREDENTIALS",
    );
  });

  test("a password logs in however its accents are composed", async () => {
    await auth.client.signUp({
      email: "accent@example.org",
      password: "cr\u00e8me br\u00fbl\u00e9e",
      name: "A",
    });
    const decomposed = "cr\u00e8me br\u00fbl\u00e9e".normalize("NFD");
    expect(
      tokensOf(await auth.client.login({ email: "accent@example.org", password: decomposed })).accessToken,
    ).toBeTruthy();
  });
});

describe("login", () => {
  test.each([
    ["wrong password", "first@example.org", "wrong password"],
    ["unknown address", "nobody@example.org", password],
    ["impossible address", "not an address", password],
    ["no password", "first@example.org", ""],
    ["password longer than any", "first@example.org", "x".repeat(100_000)],
    ["NUL in the address", "first@example.org\u0000", password],
    ["SQL in the address", "' or 1=1 --", password],
  ])("%s: one and the same answer", async (_, email, attempt) => {
    const failure = await failureOf(auth.client.login({ email, password: attempt }));
    expect(failure).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "INVALID_CREDENTIALS",
      message: "The e-mail address or the password is wrong.",
      violations: [],
    });
  });

  test("takes the address in any form", async () => {
    const response = await auth.client.login({ email: " FIRST@Example.org", password });
    expect(tokensOf(response)).toMatchObject({ expiresIn: 600 });
  });

  test("a flood beyond the queue is refused at once, with a time to come back", async () => {
    const flood = await Promise.allSettled(
      Array.from({ length: 120 }, () => auth.client.login({ email: "nobody@example.org", password })),
    );
    const failures = await Promise.all(
      flood.map((outcome) =>
        failureOf(outcome.status === "rejected" ? Promise.reject(outcome.reason) : Promise.resolve()),
      ),
    );
    const refused = failures.filter((failure) => failure.reason === "TOO_MANY_LOGINS");
    expect(refused.length).toBeGreaterThan(0);
    expect(refused[0]).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, retryAfterMs: 2000 });
    expect(new Set(failures.map((failure) => failure.reason))).toEqual(
      new Set(["TOO_MANY_LOGINS", "INVALID_CREDENTIALS"]),
    );
  });
});

describe("closed sign-up", () => {
  test("takes the first user and nobody else, not even at the same time", async () => {
    const databaseUrl = await database.createDatabase("closed");
    const closed = await startAuth({
      databaseUrl,
      clock: createTestClock(),
      env: { ...unlimited, AUTH_SIGN_UP: "closed" },
    });
    try {
      const outcomes = await Promise.allSettled(
        ["one", "two", "three"].map((name) =>
          closed.client.signUp({ email: `${name}@example.org`, password, name }),
        ),
      );
      const created = outcomes.flatMap((each) => (each.status === "fulfilled" ? [each.value.user] : []));
      expect(created.map((user) => user?.role)).toEqual(["admin"]);
      const late = closed.client.signUp({ email: "late@example.org", password, name: "Late" });
      expect(await failureOf(late)).toMatchObject({
        code: Status.PERMISSION_DENIED,
        reason: "SIGN_UP_CLOSED",
      });
    } finally {
      await closed.stop();
    }
  });
});

describe("the current user", () => {
  test("is the one of the token", async () => {
    const { accessToken } = tokensOf(await auth.client.login({ email: "first@example.org", password }));
    const { user } = await auth.client.getCurrentUser({}, { bearer: accessToken });
    expect(user).toMatchObject({
      email: "first@example.org",
      name: "Someone",
      emailVerified: false,
      disabled: false,
      hasPassword: true,
      twoFactorEnabled: false,
    });
  });

  test("is nobody without a token", async () => {
    expect(await failureOf(auth.client.getCurrentUser({}))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "UNAUTHENTICATED",
    });
  });
});

test("no log line holds an address, a password or a token, but for the mail that has no other way to go", () => {
  const lines = auth.logLines.filter((line) => !line.includes("no mail server is set"));
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join("\n")).not.toMatch(/@example|horse battery|eyJ|ocelli_[ar]t_/i);
});
