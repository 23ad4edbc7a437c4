import { readFileSync } from "node:fs";
import { logVerbosity, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import { accessByPath } from "@ocelli/contracts";
import {
  type CallContext,
  type CompatServiceDefinition,
  createServer,
  type Server,
  type ServiceImplementation,
} from "nice-grpc";
import { errorDetailsServerMiddleware } from "nice-grpc-error-details";
import { HealthDefinition, HealthServiceImpl, HealthState } from "nice-grpc-server-health";
import { ServerReflection, ServerReflectionService } from "nice-grpc-server-reflection";
import type { Logger } from "pino";
import { createRefusalLog } from "../identity/refusal-log.ts";
import { type IdentityContext, identityMiddleware } from "../identity/server-auth.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import { createAdmission } from "../load/admission.ts";
import { watchLoopDelay } from "../load/loop-delay.ts";
import { traceServerCalls } from "../telemetry/call-tracing.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { admissionMiddleware } from "./admission-middleware.ts";
import { scopeMiddleware } from "./call-scope.ts";
import { deadlineInterceptor } from "./deadline.ts";
import { errorMiddleware } from "./error-middleware.ts";
import { readingAnyBytes, refuseMalformedMessages } from "./malformed-messages.ts";
import { allowStreamResets } from "./stream-resets.ts";

/** The context of every RPC handler. */
export type RpcContext = CallContext & IdentityContext;

/** Settings of {@link createRpcServer}. */
export interface RpcServerOptions {
  /** Address to listen on; port 0 picks a free one. */
  host: string;
  port: number;
  log: Logger;
  metrics: Metrics;
  verifier: TokenVerifier;
  /** Milliseconds after which a caller is asked for a new connection, calls in hand unharmed; never when absent. */
  connectionAgeMs?: number;
  /** Calls in hand at once; more are refused. Default 4096. */
  maxActiveCalls?: number;
  /** How long work may wait in this process for good before calls are refused. Default 1 s. */
  maxLoopDelayMs?: number;
}

/** A gRPC server with health, reflection, identity, error mapping, metrics and traces. */
export interface RpcServer {
  add<Service extends CompatServiceDefinition & { fullName: string }>(
    definition: Service,
    implementation: ServiceImplementation<Service, IdentityContext>,
  ): void;
  /** Starts listening; resolves with `host:port`. */
  listen(): Promise<string>;
  /**
   * Says through `grpc.health.v1.Health` whether calls are welcome: under the empty name and those of the services, or
   * under a name of its own. Without effect once {@link announceStop} was called.
   */
  setServing(serving: boolean, name?: string): void;
  /** Reports NOT_SERVING so that balancers look elsewhere; calls are still answered. */
  announceStop(): void;
  /** Reports NOT_SERVING, takes no more calls, finishes those in hand, ends what is left after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

// One chunk is 64 KiB and a page of results far less: nothing larger is a legitimate message.
const maxMessageBytes = 4 * 1024 * 1024;
/** What liveness probes ask `grpc.health.v1.Health` for; the empty name says whether calls are welcome. */
const livenessName = "liveness";
const defaultMaxActiveCalls = 4_096;
const defaultMaxLoopDelayMs = 1_000;
const descriptorsUrl = new URL(import.meta.resolve("@ocelli/contracts/descriptors"));

/** Creates a server that is not listening yet. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  // What the library prints by itself also reaches us as errors, which are logged once and in our format.
  setLogVerbosity(logVerbosity.NONE);
  allowStreamResets();
  const base: Server = createServer({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.keepalive_permit_without_calls": 1,
    // Handed through to the server of the library underneath.
    interceptors: [deadlineInterceptor],
    ...(options.connectionAgeMs === undefined
      ? {}
      : { "grpc.max_connection_age_ms": options.connectionAgeMs }),
  });
  const health = HealthState();
  // Says only that the process answers, whatever becomes of its dependencies: a restart would mend none of them.
  health.setStatus("healthy", livenessName);
  base.add(HealthDefinition, HealthServiceImpl(health));
  const delay = watchLoopDelay();
  const admission = createAdmission({
    limit: options.maxActiveCalls ?? defaultMaxActiveCalls,
    maxDelayMs: options.maxLoopDelayMs ?? defaultMaxLoopDelayMs,
    delay,
  });
  // Health and reflection stay outside: probes carry no token, are not worth a trace, and are answered however much there
  // is to do.
  const server = base
    .with(traceServerCalls())
    .with(errorDetailsServerMiddleware)
    .with(errorMiddleware(options))
    .with(admissionMiddleware(admission))
    .with(scopeMiddleware)
    .with(identityMiddleware(options.verifier, createRefusalLog(options)))
    .with(refuseMalformedMessages);
  const names: string[] = [];
  let stopping = false;
  function announceStop(): void {
    stopping = true;
    for (const name of ["", ...names]) health.setStatus("unhealthy", name);
  }
  return {
    add(definition, implementation) {
      requireRules(definition);
      names.push(definition.fullName);
      server.add(readingAnyBytes(definition), implementation);
      health.setStatus("healthy", definition.fullName);
    },
    async listen() {
      base.add(ServerReflectionService, ServerReflection(readFileSync(descriptorsUrl), names));
      const port = await base.listen(`${options.host}:${options.port}`, ServerCredentials.createInsecure());
      return `${options.host}:${port}`;
    },
    setServing(serving, name) {
      if (stopping) return;
      const concerned = name === undefined ? ["", ...names] : [name];
      for (const each of concerned) health.setStatus(serving ? "healthy" : "unhealthy", each);
    },
    announceStop,
    async stop(graceMs) {
      announceStop();
      const force = setTimeout(() => base.forceShutdown(), graceMs);
      await base.shutdown();
      clearTimeout(force);
      delay.stop();
    },
  };
}

/** A service with a method that nobody may call is a mistake to notice at the start, not at the call. */
function requireRules(definition: CompatServiceDefinition & { fullName: string }): void {
  for (const { name } of Object.values(definition.methods)) {
    const path = `/${definition.fullName}/${name}`;
    if (!accessByPath.has(path)) throw new Error(`${path} has no access rule`);
  }
}
