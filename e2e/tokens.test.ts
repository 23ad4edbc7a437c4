import { randomUUID } from "node:crypto";
import { AppError, createRpcClient } from "@ocelli/chassis";
import { libraryV1, sceneV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { exportSPKI, generateKeyPair, importJWK, type JWK, SignJWT, UnsecuredJWT } from "jose";
import { Status } from "nice-grpc";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { Client } from "./harness/client.ts";
import { serverFaults } from "./harness/inspection.ts";
import { dataDirectory, type OcelliProcess, removeFolders, startOcelli } from "./harness/ocelli-process.ts";
import { readProblem } from "./harness/problems.ts";

const userId = randomUUID();
let database: EmbeddedDatabase;
let ocelli: OcelliProcess;
/** The key with which the running server signs, as an attacker must never have it. */
let realKey: { kid: string; privateJwk: JWK; publicJwk: JWK };

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  ocelli = await startOcelli(["up"], {
    OCELLI_DATA: dataDirectory(),
    OCELLI_EVENTS: "in-process",
    DATABASE_URL: database.url,
  });
  realKey = await readSigningKey(database.url);
});
afterAll(async () => {
  await ocelli.end("SIGTERM");
  await database.close();
  removeFolders();
});

async function readSigningKey(url: string): Promise<typeof realKey> {
  const sql = new pg.Client({ connectionString: url });
  await sql.connect();
  const { rows } = await sql.query<{ kid: string; private_key: Buffer }>(
    "select kid, private_key from auth.signing_keys where status = 'active'",
  );
  await sql.end();
  const [row] = rows;
  if (!row) throw new Error("the server has no signing key");
  // Stored by the auth service as the JSON of a JWK.
  const privateJwk = JSON.parse(row.private_key.toString("utf8")) as JWK;
  const { d: _, ...publicJwk } = privateJwk;
  return { kid: row.kid, privateJwk, publicJwk };
}

interface Claims {
  issuer?: string;
  audience?: string;
  subject?: string | null;
  session?: unknown;
  /** API key, beside or instead of the session. */
  key?: string;
  scope?: unknown;
  /** Seconds from now. */
  expiresIn?: number | null;
  notBefore?: number;
}

function jwt(claims: Claims): SignJWT {
  const now = Math.floor(Date.now() / 1000);
  const { issuer = "ocelli", audience = "ocelli", subject = userId, session = randomUUID() } = claims;
  const { key, scope = "photos:read profile analyze", expiresIn = 600, notBefore } = claims;
  const payload = { sid: session, key, scope };
  const token = new SignJWT(payload).setIssuer(issuer).setAudience(audience).setJti(randomUUID());
  if (subject !== null) token.setSubject(subject);
  if (expiresIn !== null) token.setExpirationTime(now + expiresIn);
  if (notBefore !== undefined) token.setNotBefore(now + notBefore);
  return token.setIssuedAt(now - 3600);
}

async function signed(claims: Claims = {}, typ = "at+jwt"): Promise<string> {
  const { kid, privateJwk } = realKey;
  return jwt(claims)
    .setProtectedHeader({ alg: "EdDSA", kid, ...(typ === "" ? {} : { typ }) })
    .sign(await importJWK(privateJwk, "EdDSA"));
}

async function signedByStranger(header: { kid?: string } & Record<string, unknown>): Promise<string> {
  const { privateKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  return jwt({})
    .setProtectedHeader({ alg: "EdDSA", typ: "at+jwt", ...header })
    .sign(privateKey);
}

/** The classic confusion: the public key, which everybody knows, used as the secret of a symmetric signature. */
async function signedWithPublicKey(form: "x" | "jwk" | "pem"): Promise<string> {
  const { kid, publicJwk } = realKey;
  const publicKey = await importJWK(publicJwk, "EdDSA", { extractable: true });
  const secrets = {
    x: Buffer.from(publicJwk.x ?? "", "base64url"),
    jwk: Buffer.from(JSON.stringify({ ...publicJwk, kid, alg: "EdDSA", use: "sig" })),
    pem: Buffer.from(publicKey instanceof Uint8Array ? "" : await exportSPKI(publicKey)),
  };
  return jwt({}).setProtectedHeader({ alg: "HS256", typ: "at+jwt", kid }).sign(secrets[form]);
}

async function unsigned(alg: string): Promise<string> {
  const [, payload] = new UnsecuredJWT({ sid: randomUUID(), scope: "photos:read" })
    .setIssuer("ocelli")
    .setAudience("ocelli")
    .setSubject(userId)
    .setExpirationTime("10m")
    .encode()
    .split(".");
  const header = Buffer.from(JSON.stringify({ alg, typ: "at+jwt", kid: realKey.kid })).toString("base64url");
  return `${header}.${payload}.`;
}

async function tampered(): Promise<string> {
  const [header, payload, signature] = (await signed()).split(".");
  const claims = JSON.parse(Buffer.from(payload ?? "", "base64url").toString("utf8"));
  const other = Buffer.from(JSON.stringify({ ...claims, sub: randomUUID() })).toString("base64url");
  return `${header}.${other}.${signature}`;
}

const bad: Array<[name: string, reason: string, token: () => string | Promise<string>]> = [
  ["a word", "INVALID_TOKEN", () => "nonsense"],
  ["three words", "INVALID_TOKEN", () => "a.b.c"],
  ["a token of 5,000 characters", "INVALID_TOKEN", () => "a".repeat(5000)],
  ["alg none", "INVALID_TOKEN", () => unsigned("none")],
  ["alg NoNe", "INVALID_TOKEN", () => unsigned("NoNe")],
  ["EdDSA without a signature", "INVALID_TOKEN", () => unsigned("EdDSA")],
  ["HS256 with the public key's bytes", "INVALID_TOKEN", () => signedWithPublicKey("x")],
  ["HS256 with the public key's JWK", "INVALID_TOKEN", () => signedWithPublicKey("jwk")],
  ["HS256 with the public key's PEM", "INVALID_TOKEN", () => signedWithPublicKey("pem")],
  ["another key under the real id", "INVALID_TOKEN", () => signedByStranger({ kid: realKey.kid })],
  ["another key under an unknown id", "INVALID_TOKEN", () => signedByStranger({ kid: "mine" })],
  ["another key, no id", "INVALID_TOKEN", () => signedByStranger({})],
  [
    "another key that the token brings along",
    "INVALID_TOKEN",
    () => signedByStranger({ jku: "http://127.0.0.1:1/jwks.json", jwk: realKey.publicJwk }),
  ],
  ["claims changed after signing", "INVALID_TOKEN", tampered],
  ["expired", "TOKEN_EXPIRED", () => signed({ expiresIn: -1 })],
  ["without an end", "INVALID_TOKEN", () => signed({ expiresIn: null })],
  ["not valid yet", "INVALID_TOKEN", () => signed({ notBefore: 300 })],
  ["for another audience", "INVALID_TOKEN", () => signed({ audience: "somebody-else" })],
  ["of another issuer", "INVALID_TOKEN", () => signed({ issuer: "somebody-else" })],
  ["without a subject", "INVALID_TOKEN", () => signed({ subject: null })],
  ["with a subject that is no user", "INVALID_TOKEN", () => signed({ subject: "' or 1=1--" })],
  ["with a session that is none", "INVALID_TOKEN", () => signed({ session: 7 })],
  ["without a session or a key", "INVALID_TOKEN", () => signed({ session: null })],
  ["of a session and a key", "INVALID_TOKEN", () => signed({ key: randomUUID() })],
  ["without scopes", "INVALID_TOKEN", () => signed({ scope: null })],
  ["with scopes as a list", "INVALID_TOKEN", () => signed({ scope: ["photos:read", "admin"] })],
  ["of a service without a name", "INVALID_TOKEN", () => signed({ subject: "service:", scope: "service" })],
  ["without a type", "INVALID_TOKEN", () => signed({}, "")],
  ["of the type of an ID token", "INVALID_TOKEN", () => signed({}, "JWT")],
];

describe("over HTTP, 401:", () => {
  const paths = ["/photos", "/users/me", `/photos/${randomUUID()}/original`];

  test.each(bad)("%s: %s", async (_name, reason, make) => {
    const client = new Client(ocelli.address);
    client.token = await make();
    for (const path of paths) {
      const response = await client.request(path);
      expect(response.headers.get("www-authenticate")).toContain('error="invalid_token"');
      expect(await readProblem(response), path).toMatchObject({ status: 401, reason });
    }
    const upload = await readProblem(await client.sendFile("/classify", new Uint8Array(9), "a.jpg"));
    expect(upload).toMatchObject({ status: 401, reason });
  });

  test.each([
    ["no header", undefined, "UNAUTHENTICATED"],
    ["an empty header", "", "INVALID_TOKEN"],
    ["another scheme", "Basic bWFyaWE6cGFzc3dvcmQ=", "INVALID_TOKEN"],
    ["a scheme alone", "Bearer", "INVALID_TOKEN"],
    ["two tokens", "Bearer a Bearer b", "INVALID_TOKEN"],
  ])("%s", async (_name, authorization, reason) => {
    for (const path of paths) {
      const headers = authorization === undefined ? {} : { authorization };
      const response = await fetch(`${ocelli.address}/api/v1${path}`, { headers });
      expect(response.headers.get("www-authenticate")).toMatch(/^Bearer /);
      expect(await readProblem(response), path).toMatchObject({ status: 401, reason });
    }
  });

  test("a refresh token is no access token", async () => {
    const client = await Client.signedUp(ocelli.address, "maria@example.org");
    const body = { email: "maria@example.org", password: "correct horse battery staple" };
    const login = (await (await client.post("/auth/login", body)).json()) as { refreshToken: string };
    client.token = login.refreshToken;
    const problem = await readProblem(await client.request("/photos"));
    expect(problem).toMatchObject({ status: 401, reason: "INVALID_TOKEN" });
  });

  test("a service's token opens no door here", async () => {
    const client = new Client(ocelli.address);
    client.token = await signed({ subject: "service:library", scope: "service" });
    const problem = await readProblem(await client.request("/photos"));
    expect(problem).toMatchObject({ status: 403, reason: "USERS_ONLY" });
  });
});

describe("over gRPC, where each service checks for itself, UNAUTHENTICATED:", () => {
  async function callAll(bearer: string | undefined): Promise<unknown[]> {
    const options = bearer === undefined ? {} : { bearer };
    const library = createRpcClient(libraryV1.LibraryServiceDefinition, { address: grpcAddress("library") });
    const scene = createRpcClient(sceneV1.SceneServiceDefinition, { address: grpcAddress("scene") });
    const photoId = randomUUID();
    const calls = [
      library.client.listPhotos({ pageSize: 1, pageToken: "" }, options),
      library.client.fetchForAnalysis({ photoId, stages: [] }, options)[Symbol.asyncIterator]().next(),
      scene.client.getScene({ photoId }, options),
    ];
    const ends = await Promise.allSettled(calls);
    library.close();
    scene.close();
    return ends.map((end) => (end.status === "fulfilled" ? "answered" : describeError(end.reason)));
  }

  function describeError(error: unknown): [code: Status, reason: string] {
    const { code, reason } = AppError.from(error);
    return [code, reason];
  }

  test.each(bad)("%s: %s", async (_name, reason, make) => {
    expect(await callAll(await make())).toEqual(Array(3).fill([Status.UNAUTHENTICATED, reason]));
  });

  test("no token", async () => {
    expect(await callAll(undefined)).toEqual(Array(3).fill([Status.UNAUTHENTICATED, "UNAUTHENTICATED"]));
  });

  test("a user does not pass for a service, nor a service for a user", async () => {
    expect(await callAll(await signed())).toEqual([
      "answered",
      [Status.PERMISSION_DENIED, "SERVICES_ONLY"],
      [Status.NOT_FOUND, "SCENE_NOT_FOUND"],
    ]);
    const nobody = [Status.PERMISSION_DENIED, "NO_ACTING_USER"];
    expect(await callAll(await signed({ subject: "service:library", scope: "service" }))).toEqual([
      nobody,
      nobody,
      nobody,
    ]);
  });
});

test("a good token of the same making is let in: the others failed for their one flaw", async () => {
  const client = new Client(ocelli.address);
  client.token = await signed();
  expect((await client.request("/photos")).status).toBe(200);
  expect(await serverFaults(ocelli)).toEqual({ answers: 0, logged: [] });
});

function grpcAddress(service: string): string {
  const address = new RegExp(`gRPC:.*\\b${service} (\\S+?:\\d+)`).exec(ocelli.output())?.[1];
  if (!address) throw new Error(`no address of ${service} in:\n${ocelli.output()}`);
  return address;
}
