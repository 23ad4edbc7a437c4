import { randomUUIDv7 } from "node:crypto";
import {
  AppError,
  type BusEvent,
  createInProcessBus,
  createLogger,
  createMetrics,
  createRpcClient,
  createTokenVerifier,
  loadSettings,
  type RpcClient,
  type TokenVerifier,
} from "@ocelli/chassis";
import { authV1 } from "@ocelli/contracts";
import type { JSONWebKeySet } from "jose";
import { settings } from "../src/config.ts";
import { start } from "../src/main.ts";

/** Hashing at the least cost the settings allow, so that tests spend their time elsewhere. */
export const cheapHashing = { AUTH_PASSWORD_MEMORY: "19mib", AUTH_PASSWORD_PASSES: "2" };

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

/** The auth service on a real gRPC socket, with a client. */
export interface RunningAuth {
  client: RpcClient<typeof authV1.AuthServiceDefinition>;
  /** What other services verify tokens with. */
  verifier: TokenVerifier;
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
  const env = { DATABASE_URL: options.databaseUrl, AUTH_PORT: "0", ...cheapHashing, ...options.env };
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
  const { client, close } = createRpcClient(authV1.AuthServiceDefinition, { address: service.address });
  const verifier = createTokenVerifier({
    // The service under test made it; jose checks each key.
    fetchJwks: async () => JSON.parse((await client.getJwks({})).jwksJson) as JSONWebKeySet,
    issuer: "ocelli",
    audience: "ocelli",
    now: clock.now,
  });
  return {
    client,
    verifier,
    logLines,
    events,
    async stop() {
      close();
      await service.stop();
      await bus.close();
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
