import {
  createAdmission,
  createLogger,
  createMetrics,
  createRevocations,
  createRpcClient,
  createRpcServer,
  createTokenVerifier,
  loadSettings,
  type RpcClientHandle,
  type TokenVerifier,
} from "@ocelli/chassis";
import { authV1 } from "@ocelli/contracts";
import { unimplemented } from "@ocelli/testkit";
import { exportJWK, generateKeyPair, type JSONWebKeySet, SignJWT } from "jose";
import { createApiKeyTokens } from "../gateway/src/api-keys.ts";
import { createGate } from "../gateway/src/authentication.ts";
import { type GatewayConfig, settings as gatewaySettings, rateLimitsOf } from "../gateway/src/config.ts";
import { createRateLimits } from "../gateway/src/rate-limits.ts";
import { describeOrigin } from "../gateway/src/request-origin.ts";
import { createRouter } from "../gateway/src/routes/shared.ts";
import { listen } from "../gateway/src/server.ts";
import { type Figure, median } from "./figures.ts";
import { type Call, openHttpClient, timeInTurns } from "./interleaved.ts";
import { type Mesh, serviceAddress } from "./mesh.ts";

const group = "access";
const target = { at: "most", value: 0.3 } as const;
const now = () => new Date();
const guardedPath = "/guarded";

/**
 * What checking who calls adds to a request: one handler behind the gateway's gate and in front of it, one public RPC
 * with a token and without, in turns. Tokens, API key and key set are those of a running mesh.
 */
export async function measureVerification(mesh: Mesh, apiKey: string, requests: number): Promise<Figure[]> {
  const auth = createRpcClient(authV1.AuthServiceDefinition, { address: serviceAddress(mesh, "auth") });
  // jose checks every key of the set when it is used.
  const fetchJwks = async () => JSON.parse((await auth.client.getJwks({})).jwksJson) as JSONWebKeySet;
  const verifier = verifierOf(fetchJwks);
  try {
    return [
      ...(await measureGate({ verifier, auth, token: mesh.client.token, apiKey }, requests)),
      await measureRpc(verifier, mesh.client.token, requests),
      await measureSignatures(requests),
      ...(await measureRoute(mesh, apiKey, requests)),
    ];
  } finally {
    auth.close();
  }
}

function verifierOf(fetchJwks: () => Promise<JSONWebKeySet>): TokenVerifier {
  const revocations = createRevocations(now);
  return createTokenVerifier({ fetchJwks, issuer: "ocelli", audience: "ocelli", now, revocations });
}

interface GateSources {
  verifier: TokenVerifier;
  auth: RpcClientHandle<typeof authV1.AuthServiceDefinition>;
  token: string;
  apiKey: string;
}

/** The gateway's own server and gate with a handler that does nothing. */
async function measureGate({ token, apiKey, ...sources }: GateSources, requests: number): Promise<Figure[]> {
  const config = loadSettings(gatewaySettings, {
    PORT: "0",
    GATEWAY_SERVICE_SECRET: "not-used-by-the-bench",
    // Counted, but never used up.
    RATE_LIMIT_READ: "100000000/1m",
  });
  const server = await listen(guardedApp(config, sources), config);
  const http = openHttpClient();
  try {
    const [open, session, key] = await timeInTurns(requests, [
      () => http.get(`${server.url}/open`),
      () => http.get(`${server.url}${guardedPath}`, { authorization: `Bearer ${token}` }),
      () => http.get(`${server.url}${guardedPath}`, { "x-api-key": apiKey }),
    ]);
    const added = (times: number[] = []) => median(times) - median(open ?? []);
    return [
      { group, name: "the gate adds for a session's token, p50", value: added(session), unit: "ms", target },
      { group, name: "the gate adds for an API key, p50", value: added(key), unit: "ms", target },
    ];
  } finally {
    http.close();
    await server.stop(0);
  }
}

function guardedApp(config: GatewayConfig, { verifier, auth }: Omit<GateSources, "token" | "apiKey">) {
  const apiKeys = createApiKeyTokens({
    exchange: (apiKey) => auth.client.exchangeApiKey({ apiKey }),
    revocations: createRevocations(now),
    admit: () => undefined,
    onRefused: () => undefined,
    now,
  });
  const log = createLogger({ level: "silent", format: "json", destination: { write: () => undefined } });
  const limits = createRateLimits(rateLimitsOf(config), now);
  const admission = createAdmission({
    limit: config.maxActiveRequests,
    maxDelayMs: config.maxLoopDelayMs,
    delay: { standingMs: 0 },
  });
  const gate = createGate({ verifier, apiKeys, limits, admission, log });
  const app = createRouter();
  app.use(describeOrigin(config));
  app.get("/open", (c) => c.json({ id: "bench" }));
  app.get(guardedPath, gate.authenticate, (c) => c.json({ id: "bench" }));
  return app;
}

/** A public method takes calls with a token and without: what differs is the check. */
async function measureRpc(verifier: TokenVerifier, token: string, requests: number): Promise<Figure> {
  const log = createLogger({ level: "silent", format: "json", destination: { write: () => undefined } });
  const server = createRpcServer({ host: "127.0.0.1", port: 0, log, metrics: createMetrics(), verifier });
  server.add(authV1.AuthServiceDefinition, {
    ...unimplemented(authV1.AuthServiceDefinition),
    getJwks: async () => ({ jwksJson: "" }),
  });
  const { client, close } = createRpcClient(authV1.AuthServiceDefinition, { address: await server.listen() });
  try {
    const [without = [], withToken = []] = await timeInTurns(requests, [
      () => client.getJwks({}),
      () => client.getJwks({}, { bearer: token }),
    ]);
    const value = median(withToken) - median(without);
    return { group, name: "a token adds to an RPC, p50", value, unit: "ms", target };
  } finally {
    close();
    await server.stop(0);
  }
}

/** A token seen for the first time; afterwards its signature is not checked again for 30 s. */
async function measureSignatures(count: number): Promise<Figure> {
  const { privateKey, publicKey } = await generateKeyPair("EdDSA", { crv: "Ed25519" });
  const key = { ...(await exportJWK(publicKey)), kid: "bench", alg: "EdDSA", use: "sig" };
  const verifier = verifierOf(async () => ({ keys: [key] }));
  const claims = { sid: crypto.randomUUID(), scope: "photos:read" };
  const sign = () =>
    new SignJWT({ ...claims, jti: crypto.randomUUID() })
      .setProtectedHeader({ alg: "EdDSA", kid: "bench", typ: "at+jwt" })
      .setSubject(crypto.randomUUID())
      .setIssuer("ocelli")
      .setAudience("ocelli")
      .setExpirationTime("10m")
      .sign(privateKey);
  const verifyNew: Call = async () => {
    const token = await sign();
    const startedAt = performance.now();
    await verifier.verify(token);
    return performance.now() - startedAt;
  };
  const [times = []] = await timeInTurns(count, [verifyNew]);
  return { group, name: "checking a token's signature, once in 30 s, p50", value: median(times), unit: "ms" };
}

/** A whole route, for the proportion: gateway, one RPC, one query. */
async function measureRoute({ process, client }: Mesh, apiKey: string, requests: number): Promise<Figure[]> {
  const http = openHttpClient();
  const url = `${process.address}/api/v1/users/me`;
  try {
    const [session = [], key = []] = await timeInTurns(requests, [
      () => http.get(url, { authorization: `Bearer ${client.token}` }),
      () => http.get(url, { "x-api-key": apiKey }),
    ]);
    return [
      { group, name: "GET /users/me with a session's token, p50", value: median(session), unit: "ms" },
      { group, name: "GET /users/me with an API key, p50", value: median(key), unit: "ms" },
    ];
  } finally {
    http.close();
  }
}
