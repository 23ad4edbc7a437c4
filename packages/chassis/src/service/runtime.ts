import type { Logger } from "pino";
import type { EventBus } from "../events/bus.ts";
import type { Metrics } from "../telemetry/metrics.ts";

/** What a process shares among the services it runs. */
export interface Runtime {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: EventBus;
  readonly now: () => Date;
  /** New time-ordered id (UUIDv7). */
  readonly newId: () => string;
}

/** One dependency a service needs to do its work. */
export interface DependencyCheck {
  /** E.g. `library.database`. */
  name: string;
  /** Rejects when the dependency is not usable. */
  check(): Promise<void>;
}

/** A started service. */
export interface RunningService {
  readonly name: string;
  /** `host:port` of its gRPC server. */
  readonly address: string;
  readonly checks: readonly DependencyCheck[];
  /** Takes no more events and finishes those in hand; still answers calls, so that other services can drain too. */
  drain(): Promise<void>;
  /** Drains, finishes calls in hand, and releases everything. */
  stop(): Promise<void>;
}
