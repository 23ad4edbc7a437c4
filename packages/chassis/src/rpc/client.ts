import {
  type CallOptions,
  type Channel,
  type Client,
  type ClientMiddlewareCall,
  type CompatServiceDefinition,
  createChannel,
  createClientFactory,
  Metadata,
  Status,
} from "nice-grpc";
import { type DeadlineOptions, deadlineMiddleware } from "nice-grpc-client-middleware-deadline";
import { type RetryOptions, retryMiddleware } from "nice-grpc-client-middleware-retry";
import { errorDetailsClientMiddleware } from "nice-grpc-error-details";
import { openTelemetryClientMiddleware } from "nice-grpc-opentelemetry";
import { actingUserKey, type CallOrigin, originKeys } from "../identity/identity.ts";
import type { ServiceTokenSource } from "../identity/service-token.ts";

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
}

/** A client with its channel. */
export interface RpcClientHandle<Service extends CompatServiceDefinition> {
  client: RpcClient<Service>;
  close(): void;
}

const retryableStatuses = [Status.UNAVAILABLE];

/** Creates a client. Calls always have a deadline; calls marked free of side effects are retried when unavailable. */
export function createRpcClient<Service extends CompatServiceDefinition>(
  definition: Service,
  options: RpcClientOptions,
): RpcClientHandle<Service> {
  const channel: Channel = createChannel(options.address, undefined, {
    "grpc.service_config": JSON.stringify({ loadBalancingConfig: [{ round_robin: {} }] }),
    "grpc.keepalive_time_ms": 60_000,
    "grpc.initial_reconnect_backoff_ms": 100,
    "grpc.max_reconnect_backoff_ms": 2000,
    "grpc.use_local_subchannel_pool": 1,
  });
  const client = createClientFactory()
    .use(openTelemetryClientMiddleware())
    .use(errorDetailsClientMiddleware)
    .use(callerMiddleware(options.serviceToken))
    .use(deadlineMiddleware)
    .use(retryMiddleware)
    .create(definition, channel, {
      "*": { deadline: options.defaultDeadlineMs ?? 15_000, retryableStatuses, retryMaxAttempts: 3 },
    });
  return { client, close: () => channel.close() };
}

function callerMiddleware(serviceToken: ServiceTokenSource | undefined) {
  return async function* addCaller<Request, Response>(
    call: ClientMiddlewareCall<Request, Response>,
    options: CallOptions & CallerOptions,
  ) {
    const { bearer, actingUser, asService, origin, ...rest } = options;
    const metadata = Metadata(rest.metadata);
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
    return yield* call.next(call.request, { ...rest, metadata });
  };
}

/** gRPC metadata carries printable ASCII only. */
function toHeaderText(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
