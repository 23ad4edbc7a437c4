import { isAbortError } from "abort-controller-x";
import { ClientError, Status } from "nice-grpc-common";
import { AppError } from "../errors/app-error.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import { type Breaker, type BreakerLimits, createBreaker } from "./breaker.ts";
import { addToBreakerGauge, setBreakerGauge } from "./breaker-gauge.ts";
import { type Bulkhead, createBulkhead } from "./bulkhead.ts";
import { createRetryBudget, type RetryBudget } from "./retry.ts";

/** How much of this process calls to one service may take, and when they are not made any more. */
export interface UpstreamLimits extends BreakerLimits {
  /** Calls with one question and one answer in hand at once. */
  readonly upstreamCalls: number;
  /** Such calls that may wait for a place. */
  readonly upstreamQueue: number;
  /** How long such a call waits for a place. */
  readonly upstreamQueueWaitMs: number;
  /** Streams open at once: uploads, downloads. They last as long as clients like, and never wait. */
  readonly upstreamStreams: number;
}

/** Limits where none are set. */
export const defaultUpstreamLimits: UpstreamLimits = {
  breakerFailures: 5,
  breakerOpenMs: 1_000,
  upstreamCalls: 512,
  upstreamQueue: 1_024,
  upstreamQueueWaitMs: 2_000,
  upstreamStreams: 4_096,
};

/** What all clients of one service in this process share: how it does, and how much of it they use. */
export interface Upstream {
  readonly breaker: Breaker;
  readonly calls: Bulkhead;
  readonly streams: Bulkhead;
  readonly retries: RetryBudget;
  /** Measures where the process has metrics. */
  readonly metrics: Metrics | undefined;
  /** Names a gRPC service that is called there, for the metrics. */
  addService(fullName: string): void;
}

/** Settings of {@link createUpstream}. */
export interface UpstreamOptions {
  /** Short name for messages, e.g. `library`. */
  readonly name: string;
  readonly limits?: Partial<UpstreamLimits>;
  readonly metrics?: Metrics | undefined;
}

/** Creates the shared state of calls to one service. */
export function createUpstream({ name, limits: given, metrics }: UpstreamOptions): Upstream {
  const limits = { ...defaultUpstreamLimits, ...given };
  const services = new Set<string>();
  const gauge = metrics?.rpcClientBreakerState;
  const breaker = createBreaker({
    ...limits,
    name,
    isFailure: isAbsence,
    isSilent: isAbortError,
    onState: () => services.forEach((service) => void (gauge && setBreakerGauge(gauge, service))),
  });
  const upstream: Upstream = {
    breaker,
    metrics,
    retries: createRetryBudget(),
    calls: createBulkhead(name, {
      limit: limits.upstreamCalls,
      queue: limits.upstreamQueue,
      maxWaitMs: limits.upstreamQueueWaitMs,
    }),
    streams: createBulkhead(name, { limit: limits.upstreamStreams, queue: 0, maxWaitMs: 0 }),
    addService(fullName) {
      services.add(fullName);
      if (gauge) addToBreakerGauge(gauge, fullName, upstream);
    },
  };
  return upstream;
}

/**
 * Whether an error says that a service is not there: nothing answered, or not in time. A service that says itself what it
 * lacks is there, and may well do everything else.
 */
function isAbsence(error: unknown): boolean {
  if (!(error instanceof ClientError)) return false;
  if (error.code === Status.DEADLINE_EXCEEDED) return true;
  return error.code === Status.UNAVAILABLE && AppError.from(error).reason === "UNAVAILABLE";
}
