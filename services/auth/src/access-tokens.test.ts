import { decodeJwt, decodeProtectedHeader, generateKeyPair } from "jose";
import { beforeAll, describe, expect, test } from "vitest";
import { type AccessTokens, createAccessTokens, scopesOf } from "./access-tokens.ts";

const userId = "01999999-0000-7000-8000-000000000001";
const grantId = "01999999-0000-7000-8000-000000000002";
const now = new Date("2026-01-01T00:00:00.900Z");
const issuedAt = Math.floor(now.getTime() / 1000);
let tokensFor: (lifetimeMs: number) => AccessTokens;

beforeAll(async () => {
  const { privateKey } = await generateKeyPair("EdDSA");
  tokensFor = (lifetimeMs) =>
    createAccessTokens({
      signingKeys: { active: async () => ({ kid: "k1", privateKey }) },
      issuer: "ocelli",
      audience: "ocelli",
      lifetimeMs,
      now: () => now,
      newId: () => grantId,
    });
});

const after = (ms: number) => new Date(now.getTime() + ms);

test("every token is an access token by its header", async () => {
  const tokens = tokensFor(600_000);
  for (const { accessToken } of [
    await tokens.forUser({ userId, sessionId: grantId, role: "user" }),
    await tokens.forApiKey({ userId, keyId: grantId, scopes: [], expiresAt: null }),
    await tokens.forService("library"),
    await tokens.forServiceAccount({ id: grantId, name: "importer", scopes: [], userId }),
  ]) {
    expect(decodeProtectedHeader(accessToken)).toEqual({ alg: "EdDSA", typ: "at+jwt", kid: "k1" });
  }
});

test("only administrators' sessions hold admin", async () => {
  const scopeOf = async (role: string) =>
    decodeJwt((await tokensFor(600_000).forUser({ userId, sessionId: grantId, role })).accessToken).scope;
  expect(await scopeOf("user")).toBe("photos:read photos:write analyze search people profile");
  expect(await scopeOf("admin")).toBe("photos:read photos:write analyze search people profile admin");
  // A role nobody knows is no reason to give more.
  expect(scopesOf("Admin")).not.toContain("admin");
});

describe("a key's token lives", () => {
  test.each<[string, number, Date | null, number]>([
    ["five minutes", 600_000, null, 300],
    ["five minutes of a key that ends later", 600_000, after(3_600_000), 300],
    ["no longer than other tokens", 60_000, null, 60],
    ["no longer than its key", 600_000, after(100_000), 100],
    ["not at all once its key is over", 600_000, after(-5_000), 0],
  ])("%s", async (_, lifetimeMs, expiresAt, seconds) => {
    const key = { userId, keyId: grantId, scopes: ["search"], expiresAt };
    const { accessToken, expiresIn } = await tokensFor(lifetimeMs).forApiKey(key);
    const { exp = 0, ...claims } = decodeJwt(accessToken);
    expect(expiresIn).toBe(seconds);
    if (expiresAt) expect(exp * 1000).toBeLessThanOrEqual(expiresAt.getTime());
    if (seconds > 0) expect(exp).toBe(issuedAt + seconds);
    expect(claims).toEqual({
      iss: "ocelli",
      aud: "ocelli",
      sub: userId,
      key: grantId,
      scope: "search",
      iat: issuedAt,
      jti: grantId,
    });
  });
});

test("a stored service account's token names the account, and the user it acts for if it is one", async () => {
  const account = { id: grantId, name: "importer", scopes: ["search", "people"] };
  const claimsOf = async (actsFor: string | null) =>
    decodeJwt((await tokensFor(600_000).forServiceAccount({ ...account, userId: actsFor })).accessToken);
  const claims = { sub: "service:importer", account: grantId, scope: "search people" };
  expect(await claimsOf(userId)).toMatchObject({ ...claims, act_for: userId });
  expect(await claimsOf(null)).not.toHaveProperty("act_for");
});
