import { exportJWK, exportSPKI, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { Status } from "nice-grpc-common";
import { beforeAll, beforeEach, describe, expect, test } from "vitest";
import { AppError } from "../errors/app-error.ts";
import { createTokenVerifier, type TokenVerifier } from "./token-verifier.ts";

const userId = "01999999-0000-7000-8000-000000000001";
const sessionId = "01999999-0000-7000-8000-000000000002";
const grantId = "01999999-0000-7000-8000-000000000003";
type Keys = Awaited<ReturnType<typeof generateKeyPair>>;

let first: Keys;
let second: Keys;
let now: number;
let published: JSONWebKeySet;
let fetches: number;
let authDown: boolean;
let revoked: Set<string>;
let verifier: TokenVerifier;

async function publicJwk(keys: Keys, kid: string) {
  return { ...(await exportJWK(keys.publicKey)), kid, alg: "EdDSA", use: "sig" };
}

interface Claims {
  sub?: string;
  sid?: string | undefined;
  issuer?: string;
  audience?: string;
  /** Seconds from now. */
  expires?: number | undefined;
  typ?: string | undefined;
  /** Further claims, in place of the usual ones. */
  claims?: Record<string, unknown>;
}

function tokenOf(keys: Keys, kid: string, given: Claims = {}): Promise<string> {
  const { sub = userId, issuer = "ocelli", audience = "ocelli", claims = {} } = given;
  const sid = "sid" in given ? given.sid : sessionId;
  const typ = "typ" in given ? given.typ : "at+jwt";
  const token = new SignJWT({
    ...(sid === undefined ? {} : { sid }),
    scope: "photos:read",
    ...claims,
  }).setProtectedHeader({ alg: "EdDSA", kid, ...(typ === undefined ? {} : { typ }) });
  token.setSubject(sub).setIssuer(issuer).setAudience(audience);
  const expires = "expires" in given ? given.expires : 600;
  if (expires !== undefined) token.setExpirationTime(new Date(now + expires * 1000));
  return token.sign(keys.privateKey);
}

const reasonOf = (token: string) =>
  verifier.verify(token).then(
    () => "accepted",
    (error) => AppError.from(error).reason,
  );

beforeAll(async () => {
  first = await generateKeyPair("EdDSA", { extractable: true });
  second = await generateKeyPair("EdDSA", { extractable: true });
});

beforeEach(async () => {
  now = Date.now();
  published = { keys: [await publicJwk(first, "k1")] };
  fetches = 0;
  authDown = false;
  revoked = new Set();
  verifier = createTokenVerifier({
    fetchJwks: async () => {
      fetches += 1;
      if (authDown) throw new AppError({ code: Status.UNAVAILABLE, reason: "UNAVAILABLE", message: "x" });
      return published;
    },
    issuer: "ocelli",
    audience: "ocelli",
    now: () => new Date(now),
    revocations: { isRevoked: (id) => revoked.has(id) },
  });
});

test("tells users from services", async () => {
  expect(await verifier.verify(await tokenOf(first, "k1"))).toEqual({
    kind: "user",
    userId,
    grant: { kind: "session", id: sessionId },
    scopes: new Set(["photos:read"]),
  });
  const own = { sub: "service:face", sid: undefined, claims: { scope: "service" } };
  expect(await verifier.verify(await tokenOf(first, "k1", own))).toEqual({
    kind: "service",
    service: "face",
    internal: true,
    scopes: new Set(),
    userId: undefined,
  });
  expect(fetches).toBe(1);
});

test("tells API keys from sessions", async () => {
  const token = await tokenOf(first, "k1", {
    sid: undefined,
    claims: { key: grantId, scope: "search  people" },
  });
  expect(await verifier.verify(token)).toEqual({
    kind: "user",
    userId,
    grant: { kind: "api-key", id: grantId },
    scopes: new Set(["search", "people"]),
  });
});

describe("tells stored service accounts from Ocelli's own", () => {
  const account = { sub: "service:importer", sid: undefined };

  test("with the scopes of the token", async () => {
    const token = await tokenOf(first, "k1", { ...account, claims: { account: grantId } });
    expect(await verifier.verify(token)).toEqual({
      kind: "service",
      service: "importer",
      internal: false,
      scopes: new Set(["photos:read"]),
      userId: undefined,
      grantId,
    });
  });

  test("with the user it acts for", async () => {
    const claims = { account: grantId, act_for: userId };
    const token = await tokenOf(first, "k1", { ...account, claims });
    expect(await verifier.verify(token)).toMatchObject({ internal: false, onlyUserId: userId });
  });

  test("even when its scope is called service", async () => {
    const claims = { account: grantId, scope: "service" };
    const token = await tokenOf(first, "k1", { ...account, claims });
    expect(await verifier.verify(token)).toMatchObject({ internal: false, grantId });
  });
});

describe("refuses a revoked", () => {
  const kinds: Array<[string, Claims, string]> = [
    ["session", {}, sessionId],
    ["API key", { sid: undefined, claims: { key: grantId } }, grantId],
    ["service account", { sub: "service:x", sid: undefined, claims: { account: grantId } }, grantId],
  ];

  test.each(kinds)("%s, although the token was verified a moment ago", async (_, claims, id) => {
    const token = await tokenOf(first, "k1", claims);
    expect(await reasonOf(token)).toBe("accepted");
    revoked.add(id);
    expect(await reasonOf(token)).toBe("TOKEN_REVOKED");
    expect(await reasonOf(await tokenOf(first, "k1", { ...claims, expires: 300 }))).toBe("TOKEN_REVOKED");
  });

  test("user or token id means nothing: only the grant counts", async () => {
    revoked.add(userId);
    revoked.add("");
    expect(await reasonOf(await tokenOf(first, "k1"))).toBe("accepted");
  });

  test("grant, but says of a forged or expired token that it is just that", async () => {
    revoked.add(sessionId);
    expect(await reasonOf(await tokenOf(second, "k1"))).toBe("INVALID_TOKEN");
    expect(await reasonOf(await tokenOf(first, "k1", { expires: -1 }))).toBe("TOKEN_EXPIRED");
  });
});

test("a token accepted once expires on time", async () => {
  const token = await tokenOf(first, "k1", { expires: 10 });
  expect(await reasonOf(token)).toBe("accepted");
  now += 9_000;
  expect(await reasonOf(token)).toBe("accepted");
  now += 1_000;
  expect(await reasonOf(token)).toBe("TOKEN_EXPIRED");
});

test("many first calls at once share one fetch", async () => {
  const token = await tokenOf(first, "k1");
  await Promise.all(Array.from({ length: 20 }, () => verifier.verify(token)));
  expect(fetches).toBe(1);
});

describe("refuses", () => {
  test.each<[string, Claims, string]>([
    ["an expired token", { expires: -1 }, "TOKEN_EXPIRED"],
    ["a token without end", { expires: undefined }, "INVALID_TOKEN"],
    ["another audience", { audience: "elsewhere" }, "INVALID_TOKEN"],
    ["another issuer", { issuer: "elsewhere" }, "INVALID_TOKEN"],
    ["a subject that is no user", { sub: "admin" }, "INVALID_TOKEN"],
    ["a service with a strange name", { sub: "service:../x" }, "INVALID_TOKEN"],
    ["a session that is no id", { sid: "1" }, "INVALID_TOKEN"],
    ["a user without a grant", { sid: undefined }, "INVALID_TOKEN"],
    ["a user with a session and a key", { claims: { key: grantId } }, "INVALID_TOKEN"],
    ["a key that is no id", { sid: undefined, claims: { key: "1" } }, "INVALID_TOKEN"],
    ["a user without scope", { claims: { scope: undefined } }, "INVALID_TOKEN"],
    ["scopes that are no text", { claims: { scope: ["admin"] } }, "INVALID_TOKEN"],
    ["more scopes than there can be", { claims: { scope: "admin ".repeat(100) } }, "INVALID_TOKEN"],
    ["a service without scope", { sub: "service:face", claims: { scope: undefined } }, "INVALID_TOKEN"],
    ["a service with a user's scope and no account", { sub: "service:face" }, "INVALID_TOKEN"],
    ["an account that is no id", { sub: "service:x", claims: { account: "1" } }, "INVALID_TOKEN"],
    [
      "an account that acts for no id",
      { sub: "service:x", claims: { account: grantId, act_for: "1" } },
      "INVALID_TOKEN",
    ],
    [
      "a user with the scope of services and no grant",
      { sid: undefined, claims: { scope: "service" } },
      "INVALID_TOKEN",
    ],
    ["a token of no type", { typ: undefined }, "INVALID_TOKEN"],
    ["an ID token (typ JWT)", { typ: "JWT" }, "INVALID_TOKEN"],
    ["a logout token", { typ: "logout+jwt" }, "INVALID_TOKEN"],
  ])("%s", async (_, claims, reason) => {
    expect(await reasonOf(await tokenOf(first, "k1", claims))).toBe(reason);
  });

  test("a token without signature (alg none)", async () => {
    const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url");
    const claims = { sub: userId, sid: sessionId, iss: "ocelli", aud: "ocelli", exp: now / 1000 + 600 };
    for (const alg of ["none", "None", "NONE"]) {
      expect(await reasonOf(`${encode({ alg, kid: "k1" })}.${encode(claims)}.`)).toBe("INVALID_TOKEN");
    }
  });

  test("HS256 keyed with the public key", async () => {
    const secret = Buffer.from(await exportSPKI(first.publicKey));
    const raw = Buffer.from((await exportJWK(first.publicKey)).x ?? "", "base64url");
    for (const key of [secret, raw]) {
      const forged = await new SignJWT({ sid: sessionId })
        .setProtectedHeader({ alg: "HS256", kid: "k1" })
        .setSubject(userId)
        .setIssuer("ocelli")
        .setAudience("ocelli")
        .setExpirationTime(new Date(now + 600_000))
        .sign(key);
      expect(await reasonOf(forged)).toBe("INVALID_TOKEN");
    }
  });

  test("a known key id with another key's signature, a changed body, garbage", async () => {
    expect(await reasonOf(await tokenOf(second, "k1"))).toBe("INVALID_TOKEN");
    const [header, , signature] = (await tokenOf(first, "k1")).split(".");
    const [, body] = (await tokenOf(first, "k1", { sub: sessionId })).split(".");
    expect(await reasonOf(`${header}.${body}.${signature}`)).toBe("INVALID_TOKEN");
    for (const garbage of ["x", "a.b.c", "..", "A".repeat(5000)])
      expect(await reasonOf(garbage)).toBe("INVALID_TOKEN");
  });
});

describe("keys", () => {
  test("an unknown key id fetches once, and not again for 5 s", async () => {
    await verifier.verify(await tokenOf(first, "k1"));
    now += 6_000;
    const stranger = await tokenOf(second, "k9");
    for (let index = 0; index < 10; index++) expect(await reasonOf(stranger)).toBe("INVALID_TOKEN");
    expect(await Promise.all(Array.from({ length: 10 }, () => reasonOf(stranger)))).toContain(
      "INVALID_TOKEN",
    );
    expect(fetches).toBe(2);
  });

  test("a rotated key is found at once and the retired one ends with the next fetch", async () => {
    const old = await tokenOf(first, "k1", { expires: 3600 });
    await verifier.verify(old);
    published = { keys: [await publicJwk(second, "k2")] };
    now += 6_000;
    expect(await reasonOf(await tokenOf(second, "k2"))).toBe("accepted");
    expect(await reasonOf(old)).toBe("INVALID_TOKEN");
  });

  test("are fetched again after ten minutes", async () => {
    await verifier.verify(await tokenOf(first, "k1"));
    now += 10 * 60_000 + 1;
    await verifier.verify(await tokenOf(first, "k1"));
    expect(fetches).toBe(2);
  });

  test("stay in force while the auth service is away, which is not asked for every call", async () => {
    await verifier.verify(await tokenOf(first, "k1"));
    authDown = true;
    now += 10 * 60_000 + 1;
    const token = await tokenOf(first, "k1");
    for (let index = 0; index < 5; index++) expect(await reasonOf(token)).toBe("accepted");
    expect(fetches).toBe(2);
    authDown = false;
    now += 6_000;
    expect(await reasonOf(token)).toBe("accepted");
    expect(fetches).toBe(3);
  });

  test("that were never there make the call fail as unavailable, not as a bad token", async () => {
    authDown = true;
    expect(await reasonOf(await tokenOf(first, "k1"))).toBe("UNAVAILABLE");
    authDown = false;
    expect(await reasonOf(await tokenOf(first, "k1"))).toBe("accepted");
  });
});
