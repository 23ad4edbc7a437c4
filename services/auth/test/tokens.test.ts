import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { decodeJwt, decodeProtectedHeader, exportJWK, type JWTPayload, SignJWT } from "jose";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const person = { email: "someone@example.org", password: "correct horse battery" };
const librarySecret = "library-secret-of-the-tests";
const env = { SERVICE_ACCOUNTS: `library:${librarySecret},captioning:another-secret-of-the-tests` };
const clock = createTestClock();
let database: EmbeddedDatabase;
let auth: RunningAuth;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  auth = await startAuth({ databaseUrl: database.url, clock, env });
  await auth.client.signUp({ ...person, name: "Someone" });
});

afterAll(async () => {
  await auth?.stop();
  await database?.close();
});

const login = async () => tokensOf(await auth.client.login(person));
const jwks = async () => JSON.parse((await auth.client.getJwks({})).jwksJson);

test("an access token says who, for whom, until when, and nothing personal", async () => {
  const { accessToken } = await login();
  const [key] = (await jwks()).keys;
  expect(decodeProtectedHeader(accessToken)).toEqual({ alg: "EdDSA", typ: "at+jwt", kid: key.kid });
  const issuedAt = Math.floor(clock.now().getTime() / 1000);
  expect(decodeJwt(accessToken)).toEqual({
    iss: "ocelli",
    aud: "ocelli",
    sub: expect.stringMatching(/^[0-9a-f-]{36}$/),
    sid: expect.stringMatching(/^[0-9a-f-]{36}$/),
    jti: expect.stringMatching(/^[0-9a-f-]{36}$/),
    scope: "user admin",
    iat: issuedAt,
    exp: issuedAt + 600,
  });
});

test("the key set has public parts only", async () => {
  expect(await jwks()).toEqual({
    keys: [
      {
        kty: "OKP",
        crv: "Ed25519",
        x: expect.any(String),
        kid: expect.any(String),
        alg: "EdDSA",
        use: "sig",
      },
    ],
  });
});

describe("forged tokens", () => {
  const base64 = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
  const unsigned = (header: object, payload: JWTPayload) => `${base64(header)}.${base64(payload)}`;
  const foreign = generateKeyPairSync("ed25519");
  const sign = (header: { alg: string; kid?: string; [name: string]: unknown }, payload: JWTPayload) =>
    new SignJWT(payload).setProtectedHeader(header).sign(foreign.privateKey);

  const forgeries: Array<[string, (genuine: string, kid: string, x: string) => string | Promise<string>]> = [
    ["alg none", (genuine, kid) => `${unsigned({ alg: "none", kid }, decodeJwt(genuine))}.`],
    [
      "alg None with the genuine signature",
      (genuine, kid) => `${unsigned({ alg: "None", kid }, decodeJwt(genuine))}.${genuine.split(".")[2]}`,
    ],
    [
      "HS256 with the public key as secret",
      (genuine, kid, x) => {
        const text = unsigned({ alg: "HS256", kid }, decodeJwt(genuine));
        return `${text}.${createHmac("sha256", Buffer.from(x, "base64url")).update(text).digest("base64url")}`;
      },
    ],
    [
      "HS256 with the public key set as secret",
      async (genuine, kid) => {
        const text = unsigned({ alg: "HS256", kid }, decodeJwt(genuine));
        return `${text}.${createHmac("sha256", JSON.stringify(await jwks()))
          .update(text)
          .digest("base64url")}`;
      },
    ],
    ["a foreign key with the same kid", (genuine, kid) => sign({ alg: "EdDSA", kid }, decodeJwt(genuine))],
    [
      "a foreign key with an unknown kid",
      (genuine) => sign({ alg: "EdDSA", kid: randomUUID() }, decodeJwt(genuine)),
    ],
    ["a foreign key without kid", (genuine) => sign({ alg: "EdDSA" }, decodeJwt(genuine))],
    [
      "a foreign key in the header",
      async (genuine) => sign({ alg: "EdDSA", jwk: await exportJWK(foreign.publicKey) }, decodeJwt(genuine)),
    ],
    [
      "another user under the genuine signature",
      (genuine) => {
        const [header, , signature] = genuine.split(".");
        return `${header}.${base64({ ...decodeJwt(genuine), sub: randomUUID() })}.${signature}`;
      },
    ],
    ["no signature", (genuine) => `${genuine.split(".").slice(0, 2).join(".")}.`],
    ["two parts", (genuine) => genuine.split(".").slice(0, 2).join(".")],
    ["garbage", () => "garbage"],
    ["a refresh token", async () => (await login()).refreshToken],
    ["more than 4096 characters", (genuine) => genuine + "A".repeat(5000)],
  ];

  test.each(forgeries)("%s", async (_, forge) => {
    const { accessToken } = await login();
    const [key] = (await jwks()).keys;
    const forged = await forge(accessToken, key.kid, key.x);
    const expected = { code: Status.UNAUTHENTICATED, reason: "INVALID_TOKEN" };
    expect(await failureOf(auth.verifier.verify(forged))).toMatchObject(expected);
    expect(await failureOf(auth.client.getCurrentUser({}, { bearer: forged }))).toMatchObject(expected);
    await auth.verifier.verify(accessToken);
  });

  test.each([
    ["audience", { OCELLI_TOKEN_AUDIENCE: "elsewhere" }],
    ["issuer", { OCELLI_TOKEN_ISSUER: "elsewhere" }],
  ])("a genuine token of a foreign %s", async (_, foreignEnv) => {
    const elsewhere = await startAuth({ databaseUrl: database.url, clock, env: foreignEnv });
    try {
      const { accessToken } = tokensOf(await elsewhere.client.login(person));
      await elsewhere.client.getCurrentUser({}, { bearer: accessToken });
      expect((await failureOf(auth.verifier.verify(accessToken))).reason).toBe("INVALID_TOKEN");
    } finally {
      await elsewhere.stop();
    }
  });

  test("an expired token", async () => {
    const { accessToken } = await login();
    clock.advance(599_000);
    await auth.verifier.verify(accessToken);
    clock.advance(1_000);
    expect((await failureOf(auth.verifier.verify(accessToken))).reason).toBe("TOKEN_EXPIRED");
  });
});

describe("service accounts", () => {
  test("get a token that says which service it is", async () => {
    const issued = await auth.client.issueServiceToken({ clientId: "library", clientSecret: librarySecret });
    expect(issued.expiresIn).toBe(600);
    expect(decodeJwt(issued.accessToken)).toMatchObject({ sub: "service:library", scope: "service" });
    expect(await auth.verifier.verify(issued.accessToken)).toEqual({
      kind: "service",
      service: "library",
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
    ["a megabyte", "library", "x".repeat(1_000_000)],
  ])("are refused with %s", async (_, clientId, clientSecret) => {
    expect(await failureOf(auth.client.issueServiceToken({ clientId, clientSecret }))).toMatchObject({
      code: Status.UNAUTHENTICATED,
      reason: "INVALID_CREDENTIALS",
    });
  });
});

describe("signing keys", () => {
  test("replicas that start at once agree on one key, and a restart keeps it", async () => {
    const fresh = await startEmbeddedDatabase();
    const startOne = () => startAuth({ databaseUrl: fresh.url, clock });
    const kids = async (replica: RunningAuth) => JSON.parse((await replica.client.getJwks({})).jwksJson).keys;
    try {
      const replicas = await Promise.all([startOne(), startOne(), startOne()]);
      await replicas[0].client.signUp({ ...person, name: "Someone" });
      const { accessToken } = tokensOf(await replicas[0].client.login(person));
      for (const replica of replicas) await replica.verifier.verify(accessToken);
      const [before] = await Promise.all(replicas.map(kids));
      expect(before).toHaveLength(1);
      await Promise.all(replicas.map((replica) => replica.stop()));

      const restarted = await startOne();
      await restarted.verifier.verify(accessToken);
      expect(await kids(restarted)).toEqual(before);
      await restarted.stop();
    } finally {
      await fresh.close();
    }
  });

  test("are encrypted once a secret is set, and then need it", async () => {
    const store = new pg.Client({ connectionString: database.url });
    await store.connect();
    const readable = async () =>
      String((await store.query("select private_key from auth.signing_keys")).rows[0].private_key).includes(
        '"d"',
      );
    try {
      expect(await readable()).toBe(true);
      const { accessToken } = await login();
      const secret = { AUTH_KEY_SECRET: "a secret of the tests" };
      const sealed = await startAuth({ databaseUrl: database.url, clock, env: secret });
      await sealed.verifier.verify(accessToken);
      await sealed.stop();
      expect(await readable()).toBe(false);
      const reopened = await startAuth({ databaseUrl: database.url, clock, env: secret });
      await auth.verifier.verify(tokensOf(await reopened.client.login(person)).accessToken);
      await reopened.stop();
      const wrong = { AUTH_KEY_SECRET: "not the secret of the tests" };
      await expect(startAuth({ databaseUrl: database.url, clock, env: wrong })).rejects.toThrow(
        "AUTH_KEY_SECRET: is not",
      );
      await expect(startAuth({ databaseUrl: database.url, clock })).rejects.toThrow(
        "AUTH_KEY_SECRET is required",
      );
    } finally {
      await store.end();
    }
  });
});
