import {
  type Channel,
  type Client,
  type CompatServiceDefinition,
  createChannel,
  createClientFactory,
  type Metadata,
} from "nice-grpc";
import { errorDetailsClientMiddleware } from "nice-grpc-error-details";
import { actingUserKey, type CallOrigin, originKeys } from "../identity/identity.ts";
import type { ServiceTokenSource } from "../identity/service-token.ts";
import { traceClientCalls } from "../telemetry/call-tracing.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { boundedCalls, type DeadlineOptions } from "./client-calls.ts";
import { nameLostConnections } from "./lost-connections.ts";
import type { RetryOptions } from "./retry.ts";
import { createUpstream, type Upstream, type UpstreamLimits } from "./upstream.ts";

/** How a call says who is behind it. */
export interface CallerOptions {
  /** A user's own token, passed on as it is. */
  bearer?: string;
  /** User on whose behalf this service calls with its own token. */
  actingUser?: string;
  /** True for a call in this service's own name, for no user. */
  asService?: boolean;
  /** Where the request behind the call came from; sent with this service's own token as proof. */
  origin?: CallOrigin;
}

/** Options every call accepts. */
export type RpcCallOptions = DeadlineOptions & RetryOptions & CallerOptions;

/** A typed client of one service. */
export type RpcClient<Service extends CompatServiceDefinition> = Client<Service, RpcCallOptions>;

/** Settings of {@link createRpcClient}. */
export interface RpcClientOptions {
  /** `host:port`, or any name the gRPC resolver understands (`dns:///…` balances over all addresses). */
  address: string;
  /** Source of this service's own token, for calls with `actingUser`. */
  serviceToken?: ServiceTokenSource;
  /** Deadline of calls that set none. */
  defaultDeadlineMs?: number;
  /** Shared by all clients of one service. Absent, the client has one of its own; `none` for calls that must always be made. */
  upstream?: Upstream | "none";
  /** Limits of the client's own upstream. */
  limits?: Partial<UpstreamLimits>;
  /** Measures of the client's own upstream. */
  metrics?: Metrics;
  /** From 0 up to 1, for the pauses between attempts. */
  random?: () => number;
}

/** A client with its channel. */
export interface RpcClientHandle<Service extends CompatServiceDefinition> {
  client: RpcClient<Service>;
  close(): void;
}

const defaultDeadlineMs = 15_000;

/**
 * Creates a client. Calls always have a deadline, for all attempts together, and never a longer one than the call that
 * they are made for; calls that may safely be repeated are, when the service is not there.
 */
export function createRpcClient<Service extends CompatServiceDefinition & { fullName: string }>(
  definition: Service,
  options: RpcClientOptions,
): RpcClientHandle<Service> {
  const channel: Channel = createChannel(options.address, undefined, {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.keepalive_time_ms": 60_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    // By default 30 s, for which replicas that replaced others would not be found.
    "grpc.dns_min_time_between_resolutions_ms": 2000,
    "grpc.use_local_subchannel_pool": 1,
  });
  const upstream = upstreamOf(definition, options);
  const calls = boundedCalls<CallerOptions>({
    upstream,
    addCaller: (metadata, caller) => addCaller(metadata, caller, options.serviceToken),
    random: options.random ?? Math.random,
  });
  const client = createClientFactory()
    .use(nameLostConnections)
    .use(traceClientCalls())
    .use(errorDetailsClientMiddleware)
    .use(calls)
    .create(definition, channel, { "*": { deadline: options.defaultDeadlineMs ?? defaultDeadlineMs } });
  return { client, close: () => channel.close() };
}

function upstreamOf(
  { fullName }: { fullName: string },
  { upstream, limits, metrics }: RpcClientOptions,
): Upstream | undefined {
  if (upstream === "none") return undefined;
  // `library` of `ocelli.library.v1.PhotoService`.
  const own = () =>
    createUpstream({ name: fullName.split(".")[1] ?? fullName, ...(limits ? { limits } : {}), metrics });
  const shared = upstream ?? own();
  shared.addService(fullName);
  return shared;
}

async function addCaller(
  metadata: Metadata,
  { bearer, actingUser, asService, origin }: CallerOptions,
  serviceToken: ServiceTokenSource | undefined,
): Promise<void> {
  if (bearer) metadata.set("authorization", `Bearer ${bearer}`);
  if (serviceToken && (actingUser || asService)) {
    metadata.set("authorization", `Bearer ${await serviceToken.token()}`);
    if (actingUser) metadata.set(actingUserKey, actingUser);
  }
  if (serviceToken && origin) {
    metadata.set(originKeys.address, origin.address);
    metadata.set(originKeys.userAgent, toHeaderText(origin.userAgent));
    metadata.set(originKeys.proof, await serviceToken.token());
  }
}

/** gRPC metadata carries printable ASCII only. */
function toHeaderText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
