import { AppError } from "@ocelli/chassis";
import { scopes } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { decodeJwt } from "jose";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const dayMs = 86_400_000;
const password = "correct horse battery";
const admin = { email: "admin@example.org", password };
const user = { email: "user@example.org", password };
const phone = { address: "192.0.2.1", userAgent: "phone" };
const clock = createTestClock();
const env = { AUTH_LIMIT_TOKEN_ADDRESS: "3/15m" };
let database: EmbeddedDatabase;
let store: pg.Pool;
let auth: RunningAuth;
let bearer: string;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  store = new pg.Pool({ connectionString: database.url, max: 1 });
  auth = await startAuth({ databaseUrl: database.url, clock, env });
  for (const each of [admin, user]) await auth.client.signUp({ ...each, name: "Somebody" });
});

afterAll(async () => {
  await auth?.stop();
  await store?.end();
  await database?.close();
});

beforeEach(async () => {
  await store.query("delete from auth.api_keys");
  bearer = await login(user);
  auth.events.length = 0;
});

const login = async (who: { email: string; password: string }) =>
  tokensOf(await auth.client.login(who)).accessToken;
const request = { name: "Backup", scopes: ["photos:read", "search"] };
const create = (more: object = {}, as = bearer) =>
  auth.apiKeys.createApiKey({ ...request, ...more }, { bearer: as, origin: phone });
const exchange = (apiKey: string, origin = phone) => auth.client.exchangeApiKey({ apiKey }, { origin });
const keyIdOf = ({ apiKey }: { apiKey?: { id: string } | undefined }) => apiKey?.id ?? "";

async function expectRefused(apiKey: string, origin = phone): Promise<void> {
  await store.query("delete from auth.attempt_windows");
  expect(await failureOf(exchange(apiKey, origin))).toMatchObject({
    code: Status.UNAUTHENTICATED,
    reason: "INVALID_API_KEY",
  });
}

describe("making a key", () => {
  test("shows its secret this once", async () => {
    const { apiKey, secret } = await create({ name: " Backup " });
    expect(secret).toMatch(/^ocelli_ak_[A-Za-z0-9_-]{43}$/);
    expect(apiKey).toEqual({
      id: expect.any(String),
      name: "Backup",
      prefix: secret.slice(0, 18),
      scopes: request.scopes,
      createdAt: clock.now(),
      expiresAt: undefined,
      lastUsedAt: undefined,
    });
    expect(await auth.apiKeys.listApiKeys({}, { bearer })).toEqual({ apiKeys: [apiKey], nextPageToken: "" });
    const { rows } = await store.query("select * from auth.api_keys");
    expect(JSON.stringify(rows) + auth.logLines.join()).not.toContain(secret.slice(18));
    const audit = await store.query(
      "select action, reason, address from auth.audit_log where target_id = $1",
      [apiKey?.id],
    );
    expect(audit.rows).toEqual([
      { action: "api-key.created", reason: "photos:read search", address: phone.address },
    ]);
  });

  test.each<[string, object, string]>([
    ["no name", { name: "" }, "name"],
    ["a name of spaces", { name: " \t " }, "name"],
    ["a name of 101 characters", { name: "😀".repeat(101) }, "name"],
    ["a name of a megabyte", { name: "x".repeat(1_000_000) }, "name"],
    ["NUL in the name", { name: "a\u0000b" }, "name"],
    ["text that turns around in the name", { name: "a\u202eb" }, "name"],
    ["no scope", { scopes: [] }, "scopes"],
    ["an unknown scope", { scopes: ["search", "everything"] }, "scopes.1"],
    ["the scope of services", { scopes: ["service"] }, "scopes.0"],
    ["two scopes in one", { scopes: ["search people"] }, "scopes.0"],
    ["a scope twice", { scopes: ["search", "search"] }, "scopes"],
    ["an end in the past", { expiresAt: new Date(0) }, "expiresAt"],
    ["an end after the year 9999", { expiresAt: new Date("+010000-01-01T00:00:00Z") }, "expiresAt"],
  ])("is refused with %s", async (_, more, field) => {
    const failure = await failureOf(create(more));
    expect(failure).toMatchObject({ code: Status.INVALID_ARGUMENT, reason: "INVALID_API_KEY_REQUEST" });
    expect(failure.violations.map((each) => each.field)).toContain(field);
  });

  test("takes the longest name there is", async () => {
    await create({ name: "😀".repeat(100) });
  });

  test("is refused with a scope that the user does not have", async () => {
    const denied = { code: Status.PERMISSION_DENIED, reason: "SCOPE_NOT_HELD" };
    expect(await failureOf(create({ scopes: ["search", "admin"] }))).toMatchObject(denied);
    const asAdmin = await login(admin);
    expect((await create({ scopes: [...scopes] }, asAdmin)).apiKey?.scopes).toEqual([...scopes]);
    const setRole = (role: string) =>
      store.query("update auth.users set role = $1 where email_canonical = $2", [role, admin.email]);
    await setRole("user");
    // The token in hand still says admin; the store does not.
    expect(await failureOf(create({ scopes: ["admin"] }, asAdmin))).toMatchObject(denied);
    await setRole("admin");
  });

  test("ends at 50 keys, however many are made at once", async () => {
    const made = await Promise.allSettled(Array.from({ length: 60 }, () => create()));
    expect(made.filter((each) => each.status === "fulfilled")).toHaveLength(50);
    for (const each of made) {
      if (each.status === "rejected") {
        expect(AppError.from(each.reason)).toMatchObject({
          code: Status.FAILED_PRECONDITION,
          reason: "TOO_MANY_API_KEYS",
        });
      }
    }
  });

  test("needs a login: a key makes, lists and deletes no keys", async () => {
    const { secret, ...made } = await create({ scopes: [...scopes].filter((each) => each !== "admin") });
    const { accessToken } = await exchange(secret);
    const failures = await Promise.all([
      failureOf(create({}, accessToken)),
      failureOf(auth.apiKeys.listApiKeys({}, { bearer: accessToken })),
      failureOf(auth.apiKeys.deleteApiKey({ apiKeyId: keyIdOf(made) }, { bearer: accessToken })),
      failureOf(auth.client.listSessions({}, { bearer: accessToken })),
    ]);
    for (const failure of failures) expect(failure.reason).toBe("SESSION_REQUIRED");
    expect((await failureOf(auth.apiKeys.createApiKey(request))).reason).toBe("UNAUTHENTICATED");
  });
});

describe("a key", () => {
  test("gives a token with its scopes for five minutes", async () => {
    const { secret, ...made } = await create();
    const issued = await exchange(secret);
    expect(issued).toMatchObject({ expiresIn: 300, apiKeyId: keyIdOf(made) });
    const claims = decodeJwt(issued.accessToken);
    expect(claims).toMatchObject({ key: keyIdOf(made), scope: "photos:read search" });
    expect(claims).not.toHaveProperty("sid");
    expect(await auth.verifier.verify(issued.accessToken)).toEqual({
      kind: "user",
      userId: claims.sub,
      grant: { kind: "api-key", id: keyIdOf(made) },
      scopes: new Set(request.scopes),
    });
    expect((await failureOf(auth.client.getCurrentUser({}, { bearer: issued.accessToken }))).reason).toBe(
      "SCOPE_REQUIRED",
    );
  });

  test("gives no token that outlives it", async () => {
    const { secret } = await create({ expiresAt: new Date(clock.now().getTime() + 90_000) });
    expect((await exchange(secret)).expiresIn).toBeLessThanOrEqual(90);
    clock.advance(60_000);
    const last = await exchange(secret);
    expect(last.expiresIn).toBeLessThanOrEqual(30);
    clock.advance(30_000);
    await expectRefused(secret);
    expect((await failureOf(auth.verifier.verify(last.accessToken))).reason).toBe("TOKEN_EXPIRED");
  });

  test("tells when it was used, to within five minutes", async () => {
    const { secret } = await create();
    const lastUsed = async () => (await auth.apiKeys.listApiKeys({}, { bearer })).apiKeys[0]?.lastUsedAt;
    await exchange(secret);
    const first = clock.now();
    expect(await lastUsed()).toEqual(first);
    clock.advance(300_000);
    await exchange(secret);
    expect(await lastUsed()).toEqual(first);
    clock.advance(1);
    await exchange(secret);
    expect(await lastUsed()).toEqual(clock.now());
  });

  test("ends at once when it is deleted, by its owner only", async () => {
    const { secret, ...made } = await create();
    const { accessToken } = await exchange(secret);
    const foreign = await login(admin);
    for (const [apiKeyId, as] of [
      [keyIdOf(made), foreign],
      ["1", bearer],
      ["' or 1=1", bearer],
      [crypto.randomUUID(), bearer],
    ] as const) {
      expect(await failureOf(auth.apiKeys.deleteApiKey({ apiKeyId }, { bearer: as }))).toMatchObject({
        code: Status.NOT_FOUND,
        reason: "API_KEY_NOT_FOUND",
      });
    }
    await auth.apiKeys.deleteApiKey({ apiKeyId: keyIdOf(made) }, { bearer });
    await expectRefused(secret);
    await vi.waitFor(() =>
      expect(auth.events.map((each) => each.subject)).toContain("ocelli.auth.key.revoked"),
    );
    expect((await failureOf(auth.client.getCurrentUser({}, { bearer: accessToken }))).reason).toBe(
      "TOKEN_REVOKED",
    );
    expect((await failureOf(auth.apiKeys.deleteApiKey({ apiKeyId: keyIdOf(made) }, { bearer }))).reason).toBe(
      "API_KEY_NOT_FOUND",
    );
  });

  test("loses the scope admin when its owner is no administrator any more, and all when he is closed out", async () => {
    const { secret } = await create({ scopes: ["search", "admin"] }, await login(admin));
    const change = (set: string) =>
      store.query(`update auth.users set ${set} where email_canonical = '${admin.email}'`);
    await change("role = 'user'");
    expect(decodeJwt((await exchange(secret)).accessToken).scope).toBe("search");
    await change("disabled_at = now()");
    await expectRefused(secret);
    await change("disabled_at = null, role = 'admin'");
    expect(decodeJwt((await exchange(secret)).accessToken).scope).toBe("search admin");
  });
});

describe("what is no key", () => {
  test.each([
    ["nothing", ""],
    ["garbage", "garbage"],
    ["an unknown key", `ocelli_ak_${"A".repeat(43)}`],
    ["a refresh token", `ocelli_rt_${"A".repeat(43)}`],
    ["NUL", `ocelli_ak_${"A".repeat(42)}\u0000`],
    ["a line break after it", `ocelli_ak_${"A".repeat(43)}\n`],
    ["SQL", "' or 1=1 --"],
    ["a megabyte", "x".repeat(1_000_000)],
  ])("gives nothing: %s", async (_, apiKey) => {
    await expectRefused(apiKey);
  });

  test("is counted against its address; keys in use behind the same address go on", async () => {
    const { secret } = await create();
    const guess = () => failureOf(exchange("ocelli_ak_guess", { ...phone, address: "192.0.2.77" }));
    for (let index = 0; index < 3; index++) expect((await guess()).reason).toBe("INVALID_API_KEY");
    const refused = await guess();
    expect(refused).toMatchObject({ code: Status.RESOURCE_EXHAUSTED, reason: "TOO_MANY_ATTEMPTS" });
    expect(refused.retryAfterMs).toBeGreaterThan(0);
    await exchange(secret, { ...phone, address: "192.0.2.77" });
    expect((await failureOf(exchange("ocelli_ak_guess", { ...phone, address: "192.0.2.78" }))).reason).toBe(
      "INVALID_API_KEY",
    );
    clock.advance(dayMs);
    expect((await guess()).reason).toBe("INVALID_API_KEY");
  });
});

test("keys are listed newest first, page by page, to their owner", async () => {
  const names = Array.from({ length: 5 }, (_, index) => `Key ${index}`);
  for (const name of names) await create({ name });
  const foreign = await login(admin);
  await create({ name: "Foreign" }, foreign);
  const seen: string[] = [];
  let pageToken = "";
  do {
    const page = await auth.apiKeys.listApiKeys({ pageSize: 2, pageToken }, { bearer });
    seen.push(...page.apiKeys.map((each) => each.name));
    pageToken = page.nextPageToken;
  } while (pageToken);
  expect(seen).toEqual(names.toReversed());
  const { nextPageToken } = await auth.apiKeys.listApiKeys({ pageSize: 1 }, { bearer });
  for (const token of [nextPageToken, "garbage"]) {
    const call = auth.apiKeys.listApiKeys({ pageToken: token }, { bearer: foreign });
    expect((await failureOf(call)).reason).toBe("INVALID_PAGE_TOKEN");
  }
  expect((await failureOf(auth.apiKeys.listApiKeys({ pageSize: -1 }, { bearer }))).reason).toBe(
    "INVALID_PAGE_SIZE",
  );
});
