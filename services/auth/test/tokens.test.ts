import { createHmac, generateKeyPairSync, randomUUID } from "node:crypto";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { decodeJwt, decodeProtectedHeader, exportJWK, type JWTPayload, SignJWT } from "jose";
import { Status } from "nice-grpc";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createTestClock, failureOf, type RunningAuth, startAuth, tokensOf } from "./running-auth.ts";

const person = { email: "someone@example.org", password: "correct horse battery" };
const clock = createTestClock();
let database: EmbeddedDatabase;
let auth: RunningAuth;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  auth = await startAuth({ databaseUrl: database.url, clock });
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
    scope: "photos:read photos:write analyze search people profile admin",
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
