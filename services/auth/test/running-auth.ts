import { randomUUIDv7 } from "node:crypto";
import {
  AppError,
  type BusEvent,
  createInProcessBus,
  createLogger,
  createMetrics,
  createRevocations,
  createRpcClient,
  createServiceTokenSource,
  createTokenVerifier,
  loadSettings,
  type Revocations,
  type RpcClient,
  Secret,
  type TokenVerifier,
} from "@ocelli/chassis";
import { authV1 } from "@ocelli/contracts";
import type { JSONWebKeySet } from "jose";
import { settings } from "../src/config.ts";
import { start } from "../src/main.ts";

/** Hashing at the least cost the settings allow, so that tests spend their time elsewhere. */
export const cheapHashing = { AUTH_PASSWORD_MEMORY: "19mib", AUTH_PASSWORD_PASSES: "2" };

/** Account with which the test's clients call as the gateway does, telling where a request came from. */
export const gateway = { clientId: "gateway", clientSecret: "gateway-secret-of-the-tests" };

/** A clock that tests move. */
export interface TestClock {
  now(): Date;
  advance(ms: number): void;
}

/** Creates a clock that starts now and stands still. */
export function createTestClock(): TestClock {
  let ms = Date.now();
  return {
    now: () => new Date(ms),
    advance(by) {
      ms += by;
    },
  };
}

/** The auth service on a real gRPC socket, with a client of each of its services. */
export interface RunningAuth {
  /** `host:port`. */
  address: string;
  client: RpcClient<typeof authV1.AuthServiceDefinition>;
  apiKeys: RpcClient<typeof authV1.ApiKeyServiceDefinition>;
  serviceAccounts: RpcClient<typeof authV1.ServiceAccountServiceDefinition>;
  users: RpcClient<typeof authV1.UserServiceDefinition>;
  twoFactor: RpcClient<typeof authV1.TwoFactorServiceDefinition>;
  oidc: RpcClient<typeof authV1.OidcServiceDefinition>;
  audit: RpcClient<typeof authV1.AuditServiceDefinition>;
  /** What other services verify tokens with; knows of no revocation but those that a test adds. */
  verifier: TokenVerifier;
  revocations: Revocations;
  /** Log lines, as JSON text. */
  logLines: string[];
  /** Events published so far. */
  events: BusEvent[];
  stop(): Promise<void>;
}

/** Starts the service on a database; `env` adds to the cheapest settings. */
export async function startAuth(options: {
  databaseUrl: string;
  clock: TestClock;
  env?: Record<string, string>;
}): Promise<RunningAuth> {
  const { clock } = options;
  const accounts = [options.env?.SERVICE_ACCOUNTS, `${gateway.clientId}:${gateway.clientSecret}`];
  const env = {
    DATABASE_URL: options.databaseUrl,
    AUTH_PORT: "0",
    ...cheapHashing,
    ...options.env,
    SERVICE_ACCOUNTS: accounts.filter(Boolean).join(","),
  };
  const logLines: string[] = [];
  const log = createLogger({
    level: "trace",
    format: "json",
    destination: { write: (line) => void logLines.push(line) },
  });
  const bus = createInProcessBus();
  const events: BusEvent[] = [];
  await bus.watch("ocelli.auth.>", (event) => void events.push(event));
  const service = await start(loadSettings(settings, env), {
    log,
    metrics: createMetrics(),
    bus,
    now: clock.now,
    newId: randomUUIDv7,
  });
  const clients = connect(service.address, clock);
  const { client } = clients;
  const revocations = createRevocations(clock.now);
  const verifier = createTokenVerifier({
    // The service under test made it; jose checks each key.
    fetchJwks: async () => JSON.parse((await client.getJwks({})).jwksJson) as JSONWebKeySet,
    issuer: options.env?.OCELLI_TOKEN_ISSUER ?? "ocelli",
    audience: options.env?.OCELLI_TOKEN_AUDIENCE ?? "ocelli",
    now: clock.now,
    revocations,
  });
  return {
    address: service.address,
    ...clients,
    verifier,
    revocations,
    logLines,
    events,
    async stop() {
      clients.close();
      await service.stop();
      await bus.close();
    },
  };
}

/** Clients as the gateway has them: calls with `origin` are made in the name of its service account. */
function connect(address: string, clock: TestClock) {
  const closers: Array<() => void> = [];
  const keep = <Handle extends { close: () => void }>(handle: Handle): Handle => {
    closers.push(handle.close);
    return handle;
  };
  const plain = keep(createRpcClient(authV1.AuthServiceDefinition, { address }));
  const serviceToken = createServiceTokenSource({
    clientId: gateway.clientId,
    clientSecret: new Secret(gateway.clientSecret),
    issue: (request) => plain.client.issueServiceToken(request),
    now: clock.now,
  });
  const options = { address, serviceToken };
  return {
    client: keep(createRpcClient(authV1.AuthServiceDefinition, options)).client,
    apiKeys: keep(createRpcClient(authV1.ApiKeyServiceDefinition, options)).client,
    serviceAccounts: keep(createRpcClient(authV1.ServiceAccountServiceDefinition, options)).client,
    users: keep(createRpcClient(authV1.UserServiceDefinition, options)).client,
    twoFactor: keep(createRpcClient(authV1.TwoFactorServiceDefinition, options)).client,
    oidc: keep(createRpcClient(authV1.OidcServiceDefinition, options)).client,
    audit: keep(createRpcClient(authV1.AuditServiceDefinition, options)).client,
    close() {
      for (const close of closers) close();
    },
  };
}

/** Code and reason of the error a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<AppError> {
  try {
    await call;
  } catch (error) {
    return AppError.from(error);
  }
  throw new Error("the call succeeded");
}

/** The tokens of a response, which are always there. */
export function tokensOf(response: { tokens?: authV1.TokenPair | undefined }): authV1.TokenPair {
  if (!response.tokens) throw new Error("the response has no tokens");
  return response.tokens;
}
