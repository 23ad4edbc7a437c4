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
import { openTelemetryServerMiddleware } from "nice-grpc-opentelemetry";
import { HealthDefinition, HealthServiceImpl, HealthState } from "nice-grpc-server-health";
import { ServerReflection, ServerReflectionService } from "nice-grpc-server-reflection";
import type { Logger } from "pino";
import { createRefusalLog } from "../identity/refusal-log.ts";
import { type IdentityContext, identityMiddleware } from "../identity/server-auth.ts";
import type { TokenVerifier } from "../identity/token-verifier.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { errorMiddleware } from "./error-middleware.ts";

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
}

/** A gRPC server with health, reflection, identity, error mapping, metrics and traces. */
export interface RpcServer {
  add<Service extends CompatServiceDefinition & { fullName: string }>(
    definition: Service,
    implementation: ServiceImplementation<Service, IdentityContext>,
  ): void;
  /** Starts listening; resolves with `host:port`. */
  listen(): Promise<string>;
  /** Reports NOT_SERVING so that balancers look elsewhere, finishes calls in hand, ends the rest after `graceMs`. */
  stop(graceMs: number): Promise<void>;
}

// One chunk is 64 KiB and a page of results far less: nothing larger is a legitimate message.
const maxMessageBytes = 4 * 1024 * 1024;
const descriptorsUrl = new URL(import.meta.resolve("@ocelli/contracts/descriptors"));

/** Creates a server that is not listening yet. */
export function createRpcServer(options: RpcServerOptions): RpcServer {
  // What the library prints by itself also reaches us as errors, which are logged once and in our format.
  setLogVerbosity(logVerbosity.NONE);
  const base: Server = createServer({
    "grpc.max_receive_message_length": maxMessageBytes,
    "grpc.max_send_message_length": maxMessageBytes,
    "grpc.keepalive_permit_without_calls": 1,
  });
  const health = HealthState();
  base.add(HealthDefinition, HealthServiceImpl(health));
  // Health and reflection stay outside: probes carry no token and are not worth a trace.
  const server = base
    .with(openTelemetryServerMiddleware())
    .with(errorDetailsServerMiddleware)
    .with(errorMiddleware(options))
    .with(identityMiddleware(options.verifier, createRefusalLog(options)));
  const names: string[] = [];
  return {
    add(definition, implementation) {
      requireRules(definition);
      names.push(definition.fullName);
      server.add(definition, implementation);
      health.setStatus("healthy", definition.fullName);
    },
    async listen() {
      base.add(ServerReflectionService, ServerReflection(readFileSync(descriptorsUrl), names));
      const port = await base.listen(`${options.host}:${options.port}`, ServerCredentials.createInsecure());
      return `${options.host}:${port}`;
    },
    async stop(graceMs) {
      health.setStatus("unhealthy");
      const force = setTimeout(() => base.forceShutdown(), graceMs);
      await base.shutdown();
      clearTimeout(force);
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
