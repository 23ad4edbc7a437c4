import { createHash, randomBytes } from "node:crypto";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { freePort, type OidcPerson, type OidcProvider, startOidcProvider } from "@ocelli/testkit";
import { Status } from "nice-grpc";
import { TOTP } from "otpauth";
import pg from "pg";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";
import { mailsTo } from "./sent-mail.ts";

const publicUrl = "https://photos.example.org";
const redirectUri = `${publicUrl}/api/v1/auth/oidc/callback`;
const password = "correct horse battery staple";
const clock = createTestClock();
const unlimited = {
  AUTH_LIMIT_OIDC_ADDRESS: "off",
  AUTH_LIMIT_SIGN_UP_ADDRESS: "off",
  AUTH_LIMIT_LOGIN_ADDRESS: "off",
  PUBLIC_URL: publicUrl,
};
let embedded: EmbeddedDatabase;
let raw: pg.Client;
let provider: OidcProvider;
let auth: RunningAuth;
let count = 0;

function settingsFor({ issuer, clientId, clientSecret }: OidcProvider): Record<string, string> {
  return {
    ...unlimited,
    OIDC_ISSUER: issuer,
    OIDC_CLIENT_ID: clientId,
    OIDC_CLIENT_SECRET: clientSecret,
    OIDC_PROVIDER_NAME: "Example",
  };
}

const start = (env: Record<string, string>) => startAuth({ databaseUrl: embedded.url, clock, env });

beforeAll(async () => {
  [embedded, provider] = await Promise.all([startEmbeddedDatabase(), startOidcProvider({ redirectUri })]);
  auth = await start(settingsFor(provider));
  raw = new pg.Client({ connectionString: embedded.url });
  await raw.connect();
  // The first account is an administrator's; the tests are about the others.
  await auth.client.signUp({ email: "admin@example.org", password, name: "Admin" });
});

afterEach(() => provider.tamper({}));

afterAll(async () => {
  await raw?.end();
  await auth?.stop();
  await provider?.stop();
  await embedded?.close();
});

function somebody(): OidcPerson & { email: string } {
  const subject = `subject-${++count}`;
  return { subject, email: `${subject}@example.org`, emailVerified: true, name: "Somebody Else" };
}

const newBrowser = () => randomBytes(32).toString("base64url");

interface Begin {
  browser?: string;
  returnTo?: string;
  bearer?: string;
  on?: RunningAuth;
}

async function begin({ browser = newBrowser(), returnTo = "", bearer, on = auth }: Begin = {}) {
  const request = { browserSecret: browser, returnTo };
  const { authorizationUrl } = await on.oidc.beginOidc(request, bearer === undefined ? {} : { bearer });
  return { browser, authorizationUrl };
}

const finish = (browser: string, callback: string, on = auth, options = {}) =>
  on.oidc.finishOidc({ browserSecret: browser, callbackQuery: new URL(callback).search.slice(1) }, options);

/** The whole way through the provider. */
async function logIn(person: OidcPerson, options: Begin = {}) {
  const { browser, authorizationUrl } = await begin(options);
  return finish(browser, await provider.login(authorizationUrl, person), options.on);
}

async function userOf(accessToken: string) {
  const { user } = await auth.client.getCurrentUser({}, { bearer: accessToken });
  if (!user) throw new Error("there is no user");
  return user;
}

/** An account with a password, its address verified or not. */
async function withPassword(email: string, verified: boolean) {
  const { user } = await auth.client.signUp({ email, password, name: "Local" });
  if (verified) {
    await raw.query("update auth.users set email_verified_at = now() where id = $1", [user?.id]);
  }
  const { accessToken } = tokensOf(await auth.client.login({ email, password }));
  return { id: user?.id ?? "", bearer: accessToken };
}

async function lastFailure(): Promise<{ action: string; reason: string }> {
  const { rows } = await raw.query(
    "select action, reason from auth.audit_log where outcome = 'failure' order by id desc limit 1",
  );
  return rows[0];
}

describe("a login", () => {
  test("opens a session; the second one is the same account's", async () => {
    expect(await auth.oidc.getOidc({})).toEqual({ enabled: true, providerName: "Example" });
    const person = somebody();
    const first = await logIn(person, { returnTo: "/photos?sort=date" });
    expect(first).toMatchObject({ linked: false, returnTo: "/photos?sort=date" });
    const user = await userOf(tokensOf(first).accessToken);
    expect(user).toMatchObject({
      email: person.email,
      name: "Somebody Else",
      role: "user",
      emailVerified: true,
      hasPassword: false,
    });
    // Another address and name at the provider later change nothing: the subject is who it is.
    const second = await logIn({ ...person, email: "moved@example.org", name: "New" });
    expect((await userOf(tokensOf(second).accessToken)).id).toBe(user.id);
    const { rows } = await raw.query(
      "select action, reason from auth.audit_log where subject_user_id = $1 and outcome = 'success' order by id",
      [user.id],
    );
    expect(rows.map((row) => row.action)).toEqual([
      "account.created",
      "identity.linked",
      "session.opened",
      "session.opened",
    ]);
    expect(rows[3].reason).toBe("oidc");
  });

  test("sends the browser off with code, PKCE S256, state and nonce, each new", async () => {
    const [one, other] = [await begin(), await begin()].map(
      ({ authorizationUrl }) => new URL(authorizationUrl),
    );
    expect(one?.origin).toBe(provider.issuer);
    expect(Object.fromEntries(one?.searchParams ?? [])).toMatchObject({
      response_type: "code",
      client_id: provider.clientId,
      redirect_uri: redirectUri,
      scope: "openid email profile",
      code_challenge_method: "S256",
    });
    for (const name of ["state", "nonce", "code_challenge"]) {
      expect(one?.searchParams.get(name)).toMatch(/^[A-Za-z0-9_-]{43}$/);
      expect(one?.searchParams.get(name)).not.toBe(other?.searchParams.get(name));
    }
  });

  test("of one new person many times at once makes one account", async () => {
    const person = somebody();
    const outcomes = await Promise.all(Array.from({ length: 5 }, () => logIn(person)));
    const ids = await Promise.all(
      outcomes.map(async (each) => (await userOf(tokensOf(each).accessToken)).id),
    );
    expect(new Set(ids).size).toBe(1);
  });

  test("may end on another replica than it began", async () => {
    const replica = await start(settingsFor(provider));
    try {
      const { browser, authorizationUrl } = await begin();
      const callback = await provider.login(authorizationUrl, somebody());
      expect((await finish(browser, callback, replica)).linked).toBe(false);
    } finally {
      await replica.stop();
    }
  });

  test("makes a fit name of whatever the provider calls the person", async () => {
    const names: Array<[string | undefined, string]> = [
      ["  Ann\u202e\u0000  Bee ", "Ann Bee"],
      ["é".repeat(300), "é".repeat(100)],
      ["\u0007", ""],
      [undefined, ""],
    ];
    for (const [name, expected] of names) {
      const { subject, email } = somebody();
      const person = { subject, email, emailVerified: true, ...(name === undefined ? {} : { name }) };
      const user = await userOf(tokensOf(await logIn(person)).accessToken);
      expect(user.name).toBe(expected === "" ? subject : expected);
    }
  });

  test("keeps nobody in whose account is disabled", async () => {
    const person = somebody();
    const user = await userOf(tokensOf(await logIn(person)).accessToken);
    await raw.query("update auth.users set disabled_at = now() where id = $1", [user.id]);
    expect(await failureOf(logIn(person))).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "ACCOUNT_DISABLED",
    });
    expect(await lastFailure()).toEqual({ action: "session.opened", reason: "ACCOUNT_DISABLED" });
  });
});

describe("an account with the same address", () => {
  test("is logged in to where both sides have verified it", async () => {
    const person = somebody();
    const local = await withPassword(person.email.toUpperCase(), true);
    const user = await userOf(tokensOf(await logIn(person)).accessToken);
    expect(user.id).toBe(local.id);
  });

  test.each([
    ["was not verified here: somebody may have taken it before its owner came", false, true],
    ["is not verified at the provider: somebody may have typed it in there", true, false],
    ["is verified nowhere", false, false],
  ])("is refused where it %s", async (_, here, there) => {
    const person = { ...somebody(), emailVerified: there };
    await withPassword(person.email, here);
    expect(await failureOf(logIn(person))).toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: "EMAIL_TAKEN",
    });
    expect(await lastFailure()).toEqual({ action: "session.opened", reason: "EMAIL_TAKEN" });
    const { rowCount } = await raw.query("select from auth.identities where subject = $1", [person.subject]);
    expect(rowCount).toBe(0);
  });

  test("is refused where it has a second factor: its mailbox alone must not open it, but its owner may link it", async () => {
    const person = somebody();
    const { bearer } = await withPassword(person.email, true);
    const { secret } = await auth.twoFactor.beginTwoFactor({ password }, { bearer });
    const code = new TOTP({ secret }).generate({ timestamp: clock.now().getTime() });
    await auth.twoFactor.confirmTwoFactor({ code }, { bearer });
    expect((await failureOf(logIn(person))).reason).toBe("EMAIL_TAKEN");

    expect((await logIn(person, { bearer })).linked).toBe(true);
    expect((await userOf(tokensOf(await logIn(person)).accessToken)).twoFactorEnabled).toBe(true);
  });

  test("is refused where the provider says nothing of having verified it", async () => {
    const { subject, email } = somebody();
    await withPassword(email, true);
    expect((await failureOf(logIn({ subject, email }))).reason).toBe("EMAIL_TAKEN");
  });
});

describe("a sign-up", () => {
  test("needs an address, and one that the provider vouches for", async () => {
    const { subject, email } = somebody();
    expect((await failureOf(logIn({ subject }))).reason).toBe("EMAIL_REQUIRED");
    expect((await failureOf(logIn({ subject, email: "nonsense", emailVerified: true }))).reason).toBe(
      "EMAIL_REQUIRED",
    );
    expect((await failureOf(logIn({ subject, email, emailVerified: false }))).reason).toBe(
      "EMAIL_NOT_VERIFIED",
    );
    expect((await failureOf(logIn({ subject, email }))).reason).toBe("EMAIL_NOT_VERIFIED");
  });

  test.each([{ OIDC_SIGN_UP: "false" }, { AUTH_SIGN_UP: "closed" }])("is refused with %j", async (closed) => {
    const known = somebody();
    const user = await userOf(tokensOf(await logIn(known)).accessToken);
    const on = await start({ ...settingsFor(provider), ...closed });
    try {
      expect(await failureOf(logIn(somebody(), { on }))).toMatchObject({
        code: Status.PERMISSION_DENIED,
        reason: "SIGN_UP_CLOSED",
      });
      expect((await userOf(tokensOf(await logIn(known, { on })).accessToken)).id).toBe(user.id);
    } finally {
      await on.stop();
    }
  });
});

describe("linking", () => {
  test("joins the provider's account to the caller's, whatever the addresses", async () => {
    const local = await withPassword("links@example.org", false);
    const person = somebody();
    const outcome = await logIn(person, { bearer: local.bearer, returnTo: "/account" });
    expect(outcome).toEqual({ linked: true, returnTo: "/account", tokens: undefined });
    expect((await userOf(tokensOf(await logIn(person)).accessToken)).id).toBe(local.id);
    // Again is no error.
    expect((await logIn(person, { bearer: local.bearer })).linked).toBe(true);
  });

  test("is refused where the identity is another account's", async () => {
    const person = somebody();
    await logIn(person);
    const local = await withPassword("late@example.org", true);
    expect(await failureOf(logIn(person, { bearer: local.bearer }))).toMatchObject({
      code: Status.ALREADY_EXISTS,
      reason: "IDENTITY_LINKED",
    });
    expect(await lastFailure()).toEqual({ action: "identity.linked", reason: "IDENTITY_LINKED" });
  });

  test("needs a session opened less than ten minutes ago", async () => {
    const email = "old@example.org";
    await withPassword(email, true);
    const first = tokensOf(await auth.client.login({ email, password }));
    clock.advance(9 * 60_000 + 59_000);
    await begin({ bearer: first.accessToken });
    clock.advance(1_000);
    // A fresh access token of the old session is not enough.
    const { refreshToken } = first;
    const second = tokensOf(await auth.client.refresh({ refreshToken }));
    expect((await failureOf(begin({ bearer: second.accessToken }))).reason).toBe("RECENT_LOGIN_REQUIRED");
  });

  test("ends with the session that asked for it: a thief's link does not outlive being thrown out", async () => {
    const thief = await withPassword("robbed@example.org", true);
    const { browser, authorizationUrl } = await begin({ bearer: thief.bearer });
    const { accessToken } = tokensOf(await auth.client.login({ email: "robbed@example.org", password }));
    await auth.client.revokeOtherSessions({}, { bearer: accessToken });
    const callback = await provider.login(authorizationUrl, somebody());
    expect((await failureOf(finish(browser, callback))).reason).toBe("INVALID_OIDC_STATE");
    expect(await lastFailure()).toEqual({ action: "identity.linked", reason: "INVALID_OIDC_STATE" });
  });

  test("cannot be ended by another user than began it", async () => {
    const one = await withPassword("one@example.org", true);
    const other = await withPassword("other@example.org", true);
    const { browser, authorizationUrl } = await begin({ bearer: one.bearer });
    const callback = await provider.login(authorizationUrl, somebody());
    const failure = await failureOf(finish(browser, callback, auth, { bearer: other.bearer }));
    expect(failure.reason).toBe("INVALID_OIDC_STATE");
  });
});

describe("linked logins", () => {
  const listOf = async (bearer: string) => (await auth.oidc.listIdentities({}, { bearer })).identities;
  const idOf = async (bearer: string) => (await listOf(bearer))[0]?.id ?? "";
  const unlink = (bearer: string, identityId: string, word = "") =>
    auth.oidc.unlinkIdentity({ identityId, password: word }, { bearer });
  const openSessions = async (userId: string) =>
    (await raw.query("select from auth.sessions where user_id = $1 and revoked_at is null", [userId]))
      .rowCount;

  test("are listed to their owner under names that stay and do not say whose they are", async () => {
    const { bearer } = await withPassword("lists@example.org", true);
    expect(await listOf(bearer)).toEqual([]);
    const person = somebody();
    await logIn(person, { bearer });
    const id = createHash("sha256").update(`${provider.issuer}\0${person.subject}`).digest("base64url");
    expect(await listOf(bearer)).toEqual([
      { id, issuer: provider.issuer, subject: person.subject, linkedAt: clock.now() },
    ]);
    expect((await failureOf(auth.oidc.listIdentities({}))).reason).toBe("UNAUTHENTICATED");
  });

  test("are taken off within ten minutes of a login or with the password, which ends the other sessions", async () => {
    const email = "unlinks@example.org";
    const local = await withPassword(email, false);
    const person = somebody();
    await logIn(person, { bearer: local.bearer });
    const theirs = tokensOf(await logIn(person));
    const { sessionIds } = await unlink(local.bearer, await idOf(local.bearer));
    expect(sessionIds).toHaveLength(1);
    expect(await openSessions(local.id)).toBe(1);
    const { refreshToken } = theirs;
    expect((await failureOf(auth.client.refresh({ refreshToken }))).reason).toBe("INVALID_REFRESH_TOKEN");
    // Whoever it was is a stranger again.
    expect((await userOf(tokensOf(await logIn(person)).accessToken)).id).not.toBe(local.id);

    const other = somebody();
    const session = tokensOf(await auth.client.login({ email, password }));
    await logIn(other, { bearer: session.accessToken });
    clock.advance(10 * 60_000);
    const late = tokensOf(await auth.client.refresh({ refreshToken: session.refreshToken })).accessToken;
    const id = await idOf(late);
    expect((await failureOf(unlink(late, id))).reason).toBe("RECENT_LOGIN_REQUIRED");
    expect(await lastFailure()).toEqual({ action: "identity.unlinked", reason: "RECENT_LOGIN_REQUIRED" });
    expect((await failureOf(unlink(late, id, "wrong password"))).reason).toBe("INVALID_CREDENTIALS");
    expect(await lastFailure()).toEqual({ action: "identity.unlinked", reason: "INVALID_CREDENTIALS" });
    expect(await listOf(late)).toHaveLength(1);
    await unlink(late, id, password);
    expect(await listOf(late)).toEqual([]);
  });

  test("stay while nothing else logs in to the account", async () => {
    const person = somebody();
    const { accessToken: bearer } = tokensOf(await logIn(person));
    const first = await idOf(bearer);
    expect(await failureOf(unlink(bearer, first))).toMatchObject({
      code: Status.FAILED_PRECONDITION,
      reason: "LAST_LOGIN_METHOD",
    });
    expect(await lastFailure()).toEqual({ action: "identity.unlinked", reason: "LAST_LOGIN_METHOD" });
    const user = await userOf(bearer);
    // One of a provider that is not in use any more opens nothing.
    await raw.query("insert into auth.identities values ('https://gone.example', 'a', $1, now())", [user.id]);
    expect((await failureOf(unlink(bearer, first))).reason).toBe("LAST_LOGIN_METHOD");
    await logIn(somebody(), { bearer });
    // Of two, taken off at once, one stays.
    const ids = (await listOf(bearer)).filter((each) => each.issuer === provider.issuer);
    const outcomes = await Promise.allSettled(ids.map(({ id }) => unlink(bearer, id)));
    expect(outcomes.map(({ status }) => status).toSorted()).toEqual(["fulfilled", "rejected"]);
    expect((await listOf(bearer)).filter((each) => each.issuer === provider.issuer)).toHaveLength(1);
  });

  test("of others are not there", async () => {
    const one = await withPassword("unlinks-one@example.org", true);
    const other = await withPassword("unlinks-other@example.org", true);
    await logIn(somebody(), { bearer: other.bearer });
    for (const id of [await idOf(other.bearer), "", "x".repeat(10_000), "' or 1=1 --"]) {
      expect((await failureOf(unlink(one.bearer, id))).reason).toBe("IDENTITY_NOT_FOUND");
    }
    const { secret } = await auth.apiKeys.createApiKey(
      { name: "key", scopes: ["profile"] },
      { bearer: other.bearer },
    );
    const { accessToken } = await auth.client.exchangeApiKey({ apiKey: secret });
    expect((await failureOf(unlink(accessToken, await idOf(other.bearer)))).reason).toBe("SESSION_REQUIRED");
    expect(await listOf(other.bearer)).toHaveLength(1);
  });

  test("are told by mail when they come and go, but not to who signs up with one", async () => {
    const email = "told@example.org";
    const { bearer } = await withPassword(email, false);
    await logIn(somebody(), { bearer });
    await unlink(bearer, await idOf(bearer));
    const joined = somebody();
    await withPassword(joined.email, true);
    await logIn(joined);
    const stranger = somebody();
    await logIn(stranger);
    const subjects = (to: string) =>
      mailsTo(auth, to)
        .map(({ subject }) => subject)
        .filter((subject) => /login was/.test(subject));
    const linked = "A login was linked to your account";
    await expect
      .poll(() => [subjects(email).toSorted(), subjects(joined.email)], { timeout: 5_000 })
      .toEqual([[linked, "A login was taken off your account"], [linked]]);
    expect(subjects(stranger.email)).toEqual([]);
    expect(mailsTo(auth, email).find(({ subject }) => subject === linked)?.text).toContain("Example");
  });

  test("are twenty at most", async () => {
    const { id, bearer } = await withPassword("collects@example.org", false);
    await raw.query(
      "insert into auth.identities select 'https://gone.example', 'n' || n, $1, now() from generate_series(1, 20) as n",
      [id],
    );
    expect((await failureOf(logIn(somebody(), { bearer }))).reason).toBe("TOO_MANY_IDENTITIES");
    expect(await listOf(bearer)).toHaveLength(20);
  });
});

describe("an account without a password", () => {
  test("turns two-factor authentication on within ten minutes of a login, and the provider goes on vouching for it", async () => {
    const person = somebody();
    const { accessToken: bearer, refreshToken } = tokensOf(await logIn(person));
    const { secret } = await auth.twoFactor.beginTwoFactor({ password: "" }, { bearer });
    const code = new TOTP({ secret }).generate({ timestamp: clock.now().getTime() });
    const { recoveryCodes } = await auth.twoFactor.confirmTwoFactor({ code }, { bearer });
    // The provider keeps the second factor of who logs in through it.
    expect((await userOf(tokensOf(await logIn(person)).accessToken)).twoFactorEnabled).toBe(true);

    clock.advance(10 * 60_000);
    const later = { bearer: tokensOf(await auth.client.refresh({ refreshToken })).accessToken };
    const proof = { password: "", code: recoveryCodes[0] ?? "" };
    expect((await failureOf(auth.twoFactor.disableTwoFactor(proof, later))).reason).toBe(
      "RECENT_LOGIN_REQUIRED",
    );
    const again = { bearer: tokensOf(await logIn(person)).accessToken };
    await auth.twoFactor.disableTwoFactor(proof, again);
  });
});

describe("what comes back is refused", () => {
  test("in another browser than began it, and in none afterwards (CVE-2025-43856)", async () => {
    // The attacker begins, logs in as himself, and has the victim's browser end it; or the other way round.
    const { browser, authorizationUrl } = await begin();
    const callback = await provider.login(authorizationUrl, somebody());
    expect(await failureOf(finish(newBrowser(), callback))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "INVALID_OIDC_STATE",
    });
    expect((await failureOf(finish(browser, callback))).reason).toBe("INVALID_OIDC_STATE");
    expect(await lastFailure()).toEqual({ action: "session.opened", reason: "INVALID_OIDC_STATE" });
  });

  test("with a state that nobody made, another one, two, or none", async () => {
    const mine = await begin();
    const callback = new URL(await provider.login(mine.authorizationUrl, somebody()));
    const other = new URL((await begin()).authorizationUrl).searchParams.get("state") ?? "";
    const right = callback.searchParams.get("state") ?? "";
    for (const state of [newBrowser(), other, "", "x", right.toLowerCase(), "%00", "a".repeat(5_000)]) {
      callback.searchParams.set("state", state);
      expect((await failureOf(finish(mine.browser, callback.href))).reason).toBe("INVALID_OIDC_STATE");
    }
    callback.searchParams.delete("state");
    expect((await failureOf(finish(mine.browser, callback.href))).reason).toBe("INVALID_OIDC_STATE");
    callback.search += `&state=${right}&state=${right}`;
    expect((await failureOf(finish(mine.browser, callback.href))).reason).toBe("INVALID_OIDC_STATE");
  });

  test("a second time, and all but once of ten at once", async () => {
    const { browser, authorizationUrl } = await begin();
    const callback = await provider.login(authorizationUrl, somebody());
    const settled = await Promise.allSettled(Array.from({ length: 10 }, () => finish(browser, callback)));
    expect(settled.filter(({ status }) => status === "fulfilled")).toHaveLength(1);
    expect((await failureOf(finish(browser, callback))).reason).toBe("INVALID_OIDC_STATE");
  });

  test("after ten minutes", async () => {
    const { browser, authorizationUrl } = await begin();
    const callback = await provider.login(authorizationUrl, somebody());
    clock.advance(10 * 60_000);
    expect((await failureOf(finish(browser, callback))).reason).toBe("INVALID_OIDC_STATE");
    // The next one that begins sweeps out what nobody ended.
    await begin();
    clock.advance(10 * 60_000);
    await begin();
    const { rows } = await raw.query("select count(*)::int as count from auth.oidc_logins");
    expect(rows[0].count).toBe(1);
  });

  test("with a code of another login, even in the right browser", async () => {
    const attacker = await begin();
    const stolen = new URL(await provider.login(attacker.authorizationUrl, somebody()));
    const victim = await begin();
    const callback = new URL(await provider.login(victim.authorizationUrl, somebody()));
    callback.searchParams.set("code", stolen.searchParams.get("code") ?? "");
    // PKCE: the code belongs to another verifier.
    expect((await failureOf(finish(victim.browser, callback.href))).reason).toBe("OIDC_REFUSED");
  });

  test("with another issuer, or none (RFC 9207)", async () => {
    for (const issuer of ["https://evil.example", undefined]) {
      const { browser, authorizationUrl } = await begin();
      const callback = new URL(await provider.login(authorizationUrl, somebody()));
      if (issuer === undefined) callback.searchParams.delete("iss");
      else callback.searchParams.set("iss", issuer);
      expect((await failureOf(finish(browser, callback.href))).reason).toBe("OIDC_REFUSED");
    }
  });

  test("after the nonce was changed on the way to the provider", async () => {
    const { browser, authorizationUrl } = await begin();
    const changed = new URL(authorizationUrl);
    changed.searchParams.set("nonce", newBrowser());
    const callback = await provider.login(changed.href, somebody());
    expect((await failureOf(finish(browser, callback))).reason).toBe("OIDC_REFUSED");
  });

  const inAnHour = Math.floor(Date.now() / 1000) + 3600;
  test.each<[string, Record<string, unknown>, "own" | "foreign" | "none"]>([
    ["a nonce of another login", { nonce: "another" }, "own"],
    ["an audience that is not us", { aud: "another-client" }, "own"],
    ["two audiences and no word of who asked", { aud: ["ocelli", "another"] }, "own"],
    ["another authorized party", { azp: "another-client" }, "own"],
    ["another issuer", { iss: "https://evil.example" }, "own"],
    ["an end long ago", { exp: inAnHour - 7200 }, "own"],
    ["a beginning in the future", { nbf: inAnHour }, "own"],
    ["no subject", { sub: "" }, "own"],
    ["a subject that is too long", { sub: "a".repeat(256) }, "own"],
    ["a subject of control characters", { sub: "a\u0000b" }, "own"],
    ["another subject than the user-info has", { sub: "somebody-else" }, "own"],
    ["somebody else's signature", {}, "foreign"],
    ["no signature", {}, "none"],
  ])("with an ID token that has %s", async (_, claims, signature) => {
    const { browser, authorizationUrl } = await begin();
    const callback = await provider.login(authorizationUrl, somebody());
    await provider.tamper(claims, { signature });
    expect(await failureOf(finish(browser, callback))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "OIDC_REFUSED",
    });
  });

  test("when the person said no", async () => {
    const { browser, authorizationUrl } = await begin();
    const callback = await provider.refuse(authorizationUrl);
    expect(callback).toContain("error=access_denied");
    const failure = await failureOf(finish(browser, callback));
    expect(failure.reason).toBe("OIDC_REFUSED");
    // What the provider says may be a stranger's words.
    expect(failure.message).not.toMatch(/denied|aborted/i);
  });

  test("where it is hostile: too long, no query at all, a response of another flow", async () => {
    const { browser, authorizationUrl } = await begin();
    const callback = new URL(await provider.login(authorizationUrl, somebody()));
    const send = (callbackQuery: string) =>
      failureOf(auth.oidc.finishOidc({ browserSecret: browser, callbackQuery }));
    expect((await send("a".repeat(8_193))).reason).toBe("INVALID_CALLBACK");
    for (const query of ["", "?", "#", "&&&===", "%", "code", "\u0000", "state[]=a"]) {
      expect((await send(query)).reason).toBe("INVALID_OIDC_STATE");
    }
    callback.searchParams.append("id_token", "a.b.c");
    expect((await send(callback.search.slice(1))).reason).toBe("OIDC_REFUSED");
  });
});

describe("a beginning is refused", () => {
  test.each(["//evil.example", "/\\evil.example", "https://evil.example", "/\r\nx: y", "photos"])(
    "with the path %j to return to",
    async (returnTo) => {
      expect(await failureOf(begin({ returnTo }))).toMatchObject({
        code: Status.INVALID_ARGUMENT,
        reason: "INVALID_RETURN_TO",
      });
    },
  );

  test.each(["", "short", "a".repeat(31), "a".repeat(257), `${"a".repeat(40)}\u0000`, "ä".repeat(40)])(
    "with the browser secret %j",
    async (browser) => {
      expect((await failureOf(begin({ browser }))).reason).toBe("INVALID_BROWSER_SECRET");
    },
  );

  test("with an API key", async () => {
    const { bearer } = await withPassword("keys@example.org", true);
    const { secret } = await auth.apiKeys.createApiKey({ name: "key", scopes: ["profile"] }, { bearer });
    const { accessToken } = await auth.client.exchangeApiKey({ apiKey: secret });
    expect((await failureOf(begin({ bearer: accessToken }))).reason).toBe("SESSION_REQUIRED");
  });

  test("where no provider is configured", async () => {
    const on = await start(unlimited);
    try {
      expect(await on.oidc.getOidc({})).toEqual({ enabled: false, providerName: "" });
      const attempts = [() => begin({ on }), () => finish(newBrowser(), `${redirectUri}?state=a`, on)];
      for (const attempt of attempts) {
        expect(await failureOf(attempt())).toMatchObject({
          code: Status.FAILED_PRECONDITION,
          reason: "OIDC_NOT_CONFIGURED",
        });
      }
    } finally {
      await on.stop();
    }
  });
});

describe("a provider that is down", () => {
  test("keeps nobody from starting, and is found again once it is there", async () => {
    const port = await freePort();
    const clientSecret = newBrowser();
    const on = await start({
      ...settingsFor(provider),
      OIDC_ISSUER: `http://127.0.0.1:${port}`,
      OIDC_CLIENT_SECRET: clientSecret,
    });
    try {
      expect(await failureOf(begin({ on }))).toMatchObject({
        code: Status.UNAVAILABLE,
        reason: "OIDC_PROVIDER_UNAVAILABLE",
      });
      const late = await startOidcProvider({ redirectUri, port, clientSecret });
      const { browser, authorizationUrl } = await begin({ on });
      const callback = await late.login(authorizationUrl, somebody());
      await late.stop();
      // It went away between the redirect and the code.
      expect((await failureOf(finish(browser, callback, on))).reason).toBe("OIDC_PROVIDER_UNAVAILABLE");
    } finally {
      await on.stop();
    }
  });

  test("or does not know our secret is the operator's trouble, and says so in the log alone", async () => {
    const on = await start({ ...settingsFor(provider), OIDC_CLIENT_SECRET: "not-the-right-secret" });
    try {
      const failure = await failureOf(logIn(somebody(), { on }));
      expect(failure.reason).toBe("OIDC_PROVIDER_UNAVAILABLE");
      const line = on.logLines.find((each) => each.includes("OpenID login failed"));
      expect(line).toContain("does not know this client");
      expect(on.logLines.join("\n")).not.toContain("not-the-right-secret");
    } finally {
      await on.stop();
    }
  });
});

test("who keeps failing has to wait", async () => {
  const on = await start({ ...settingsFor(provider), AUTH_LIMIT_OIDC_ADDRESS: "3/15m" });
  try {
    const attempt = () => failureOf(finish(newBrowser(), `${redirectUri}?state=${newBrowser()}`, on));
    const reasons: string[] = [];
    for (let tries = 0; tries < 5; tries++) reasons.push((await attempt()).reason);
    expect(reasons.slice(0, 3)).toEqual(Array(3).fill("INVALID_OIDC_STATE"));
    expect(reasons[4]).toBe("TOO_MANY_ATTEMPTS");
    expect((await failureOf(begin({ on }))).reason).toBe("TOO_MANY_ATTEMPTS");
  } finally {
    await on.stop();
  }
});

test("the store and the log hold nothing with which a login could be ended", async () => {
  const { browser, authorizationUrl } = await begin();
  const state = new URL(authorizationUrl).searchParams.get("state") ?? "";
  const challenge = new URL(authorizationUrl).searchParams.get("code_challenge") ?? "";
  const hash = createHash("sha256").update(state).digest();
  const { rows } = await raw.query("select * from auth.oidc_logins where state_hash = $1", [hash]);
  expect(rows).toHaveLength(1);
  const stored = JSON.stringify(rows[0]);
  for (const secret of [browser, state, challenge]) expect(stored).not.toContain(secret);
  expect(rows[0].code_verifier.length).toBeGreaterThan(43);
  const callback = await provider.login(authorizationUrl, somebody());
  const tokens = tokensOf(await finish(browser, callback));
  const code = new URL(callback).searchParams.get("code") ?? "";
  for (const secret of [browser, state, code, tokens.accessToken, provider.clientSecret]) {
    expect(auth.logLines.join("\n")).not.toContain(secret);
  }
});
