import { scopes } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { decodeJwt } from "jose";
import { Metadata, Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const password = "correct horse battery";
const admin = { email: "admin@example.org", password };
const user = { email: "user@example.org", password };
const phone = { address: "192.0.2.1", userAgent: "phone" };
const librarySecret = "library-secret-of-the-tests";
const env = {
  SERVICE_ACCOUNTS: `library:${librarySecret},captioning:another-secret-of-the-tests`,
  AUTH_LIMIT_TOKEN_ADDRESS: "3/15m",
};
const clock = createTestClock();
let database: EmbeddedDatabase;
let store: pg.Pool;
let auth: RunningAuth;
let bearer: string;
let userId: string;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  store = new pg.Pool({ connectionString: database.url, max: 1 });
  auth = await startAuth({ databaseUrl: database.url, clock, env });
  await auth.client.signUp({ ...admin, name: "Admin" });
  userId = (await auth.client.signUp({ ...user, name: "User" })).user?.id ?? "";
});

afterAll(async () => {
  await auth?.stop();
  await store?.end();
  await database?.close();
});

beforeEach(async () => {
  await store.query("delete from auth.service_accounts");
  await store.query("delete from auth.attempt_windows");
  bearer = await login(admin);
  auth.events.length = 0;
});

const login = async (who: { email: string; password: string }) =>
  tokensOf(await auth.client.login(who)).accessToken;
const request = { name: "importer", scopes: ["photos:write"], userId: "" };
const create = (more: object = {}, as = bearer) =>
  auth.serviceAccounts.createServiceAccount({ ...request, ...more }, { bearer: as });
const issue = (clientId: string, clientSecret: string) =>
  auth.client.issueServiceToken({ clientId, clientSecret }, { origin: phone });

describe("accounts of Ocelli's own services", () => {
  test("get a token that says which service it is", async () => {
    const issued = await issue("library", librarySecret);
    expect(issued.expiresIn).toBe(600);
    expect(decodeJwt(issued.accessToken)).toMatchObject({ sub: "service:library", scope: "service" });
    expect(await auth.verifier.verify(issued.accessToken)).toEqual({
      kind: "service",
      service: "library",
      internal: true,
      scopes: new Set(),
      userId: undefined,
    });
    const failure = await failureOf(auth.client.getCurrentUser({}, { bearer: issued.accessToken }));
    expect(failure.reason).toBe("NO_ACTING_USER");
  });

  test.each([
    ["a wrong secret", "library", "wrong"],
    ["no secret", "library", ""],
    ["another account's secret", "library", "another-secret-of-the-tests"],
    ["an unknown name", "nobody", librarySecret],
    ["an unknown name without secret", "nobody", ""],
    ["a name every object has", "constructor", librarySecret],
    ["NUL in the name", "library\u0000", librarySecret],
    ["SQL in the name", "' or 1=1 --", librarySecret],
    ["a secret of a megabyte", "library", "x".repeat(1_000_000)],
    ["a name of a megabyte", "x".repeat(1_000_000), librarySecret],
  ])("are refused with %s", async (_, clientId, clientSecret) => {
    expect(await failureOf(issue(clientId, clientSecret))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "INVALID_CREDENTIALS",
    });
  });

  test("are not kept out by somebody who guesses from their address", async () => {
    for (let index = 0; index < 3; index++) {
      expect((await failureOf(issue("library", "wrong"))).reason).toBe("INVALID_CREDENTIALS");
    }
    expect((await failureOf(issue("library", "wrong"))).reason).toBe("TOO_MANY_ATTEMPTS");
    await issue("library", librarySecret);
  });
});

describe("stored accounts", () => {
  test("get a token with their scopes that acts for any user", async () => {
    const { serviceAccount, secret } = await create();
    expect(secret).toMatch(/^ocelli_sa_[A-Za-z0-9_-]{43}$/);
    expect(serviceAccount).toEqual({
      id: expect.any(String),
      ...request,
      createdAt: clock.now(),
      lastUsedAt: undefined,
    });
    const { accessToken } = await issue("importer", secret);
    expect(decodeJwt(accessToken)).toMatchObject({ sub: "service:importer", scope: "photos:write" });
    expect(await auth.verifier.verify(accessToken)).toEqual({
      kind: "service",
      service: "importer",
      internal: false,
      scopes: new Set(["photos:write"]),
      grantId: serviceAccount?.id,
      userId: undefined,
    });
    const [listed] = (await auth.serviceAccounts.listServiceAccounts({}, { bearer })).serviceAccounts;
    expect(listed).toEqual({ ...serviceAccount, lastUsedAt: clock.now() });
    const { rows } = await store.query("select * from auth.service_accounts");
    expect(JSON.stringify(rows) + auth.logLines.join()).not.toContain(secret.slice(18));
  });

  test("reach nothing that is meant for Ocelli's own services, nor beyond their scopes", async () => {
    const { secret } = await create({ scopes: ["profile"] });
    const { accessToken } = await issue("importer", secret);
    const actingFor = (id: string) => Metadata({ "x-ocelli-acting-user": id });
    const me = await auth.client.getCurrentUser({}, { bearer: accessToken, metadata: actingFor(userId) });
    expect(me.user?.id).toBe(userId);
    const reasons = await Promise.all(
      [
        auth.client.listRevocations({}, { bearer: accessToken }),
        auth.client.listSessions({}, { bearer: accessToken, metadata: actingFor(userId) }),
        auth.serviceAccounts.listServiceAccounts({}, { bearer: accessToken }),
      ].map(async (call) => (await failureOf(call)).reason),
    );
    expect(reasons).toEqual(["SERVICES_ONLY", "SESSION_REQUIRED", "SCOPE_REQUIRED"]);
  });

  test("for one user act for him only", async () => {
    const { secret } = await create({ scopes: ["profile"], userId });
    const { accessToken } = await issue("importer", secret);
    expect((await auth.client.getCurrentUser({}, { bearer: accessToken })).user?.id).toBe(userId);
    const other = String(decodeJwt(bearer).sub);
    const metadata = Metadata({ "x-ocelli-acting-user": other });
    expect(await failureOf(auth.client.getCurrentUser({}, { bearer: accessToken, metadata }))).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "ACTING_USER_NOT_ALLOWED",
    });
    await store.query("update auth.users set disabled_at = now() where id = $1", [userId]);
    expect((await failureOf(issue("importer", secret))).reason).toBe("INVALID_CREDENTIALS");
    await store.query("update auth.users set disabled_at = null where id = $1", [userId]);
  });

  test("end at once when they are deleted", async () => {
    const { serviceAccount, secret } = await create({ scopes: ["profile"], userId });
    const { accessToken } = await issue("importer", secret);
    const serviceAccountId = serviceAccount?.id ?? "";
    await auth.serviceAccounts.deleteServiceAccount({ serviceAccountId }, { bearer, origin: phone });
    expect((await failureOf(issue("importer", secret))).reason).toBe("INVALID_CREDENTIALS");
    await vi.waitFor(() =>
      expect(auth.events.map((each) => each.subject)).toContain("ocelli.auth.account.revoked"),
    );
    expect((await failureOf(auth.client.getCurrentUser({}, { bearer: accessToken }))).reason).toBe(
      "TOKEN_REVOKED",
    );
    for (const id of [serviceAccountId, "1", "' or 1=1"]) {
      expect(
        await failureOf(auth.serviceAccounts.deleteServiceAccount({ serviceAccountId: id }, { bearer })),
      ).toMatchObject({ code: Status.NOT_FOUND, reason: "SERVICE_ACCOUNT_NOT_FOUND" });
    }
    const { rows } = await store.query(
      "select action, address from auth.audit_log where target_id = $1 order by id",
      [serviceAccountId],
    );
    expect(rows.map((row) => row.action)).toEqual(["service-account.created", "service-account.deleted"]);
    expect(rows[1].address).toBe(phone.address);
  });

  test.each<[string, object, string]>([
    ["no name", { name: "" }, "name"],
    ["upper case", { name: "Importer" }, "name"],
    ["a name of 41 characters", { name: "a".repeat(41) }, "name"],
    ["a name that begins with a digit", { name: "1importer" }, "name"],
    ["a line break after the name", { name: "importer\n" }, "name"],
    ["no scope", { scopes: [] }, "scopes"],
    ["the scope of services", { scopes: ["service"] }, "scopes.0"],
    ["a scope twice", { scopes: ["search", "search"] }, "scopes"],
    ["a user that is no id", { userId: "somebody" }, "userId"],
    ["a user who does not exist", { userId: "01999999-0000-7000-8000-000000000001" }, "userId"],
  ])("are refused with %s", async (_, more, field) => {
    const failure = await failureOf(create(more));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_SERVICE_ACCOUNT" });
    expect(failure.violations.map((each) => each.field)).toContain(field);
  });

  test("have names of their own", async () => {
    await create();
    for (const name of ["importer", "library", "captioning"]) {
      expect(await failureOf(create({ name }))).toMatchObject({
        code: Status.ALREADY_EXISTS,
        reason: "SERVICE_ACCOUNT_EXISTS",
      });
    }
  });

  test("for one user can do no more than he can", async () => {
    expect((await failureOf(create({ scopes: ["admin"], userId }))).reason).toBe("INVALID_SERVICE_ACCOUNT");
    const setRole = (role: string) =>
      store.query("update auth.users set role = $1 where id = $2", [role, userId]);
    await setRole("admin");
    const { secret } = await create({ scopes: ["search", "admin"], userId });
    await setRole("user");
    expect(decodeJwt((await issue("importer", secret)).accessToken).scope).toBe("search");
  });

  test("are made by administrators who logged in, not by users, keys or other accounts", async () => {
    const asUser = await login(user);
    expect(await failureOf(create({}, asUser))).toMatchObject({
      code: Status.PERMISSION_DENIED,
      reason: "SCOPE_REQUIRED",
    });
    const { secret: apiKey } = await auth.apiKeys.createApiKey(
      { name: "A", scopes: [...scopes] },
      { bearer },
    );
    const key = await auth.client.exchangeApiKey({ apiKey });
    expect((await failureOf(create({}, key.accessToken))).reason).toBe("SESSION_REQUIRED");
    const account = await create({ scopes: ["admin"] });
    const issued = await issue("importer", account.secret);
    expect((await failureOf(create({ name: "another" }, issued.accessToken))).reason).toBe(
      "SESSION_REQUIRED",
    );
    await auth.serviceAccounts.listServiceAccounts({}, { bearer: key.accessToken });
  });

  test("are listed by name, page by page", async () => {
    for (const name of ["c", "a", "e", "b", "d"]) await create({ name });
    const seen: string[] = [];
    let pageToken = "";
    do {
      const page = await auth.serviceAccounts.listServiceAccounts({ pageSize: 2, pageToken }, { bearer });
      seen.push(...page.serviceAccounts.map((each) => each.name));
      pageToken = page.nextPageToken;
    } while (pageToken);
    expect(seen).toEqual(["a", "b", "c", "d", "e"]);
    const garbage = auth.serviceAccounts.listServiceAccounts({ pageToken: "garbage" }, { bearer });
    expect((await failureOf(garbage)).reason).toBe("INVALID_PAGE_TOKEN");
  });
});
