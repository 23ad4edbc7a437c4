import type { Logger } from "pino";
import type { EventBus } from "../events/bus.ts";
import type { Metrics } from "../telemetry/metrics.ts";
import type { SpanRecorder } from "../telemetry/span-recorder.ts";

/** What a process shares among the services it runs. */
export interface Runtime {
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly bus: EventBus;
  /** The last traces, where they are kept. */
  readonly recorder?: SpanRecorder | undefined;
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
  /** Says through gRPC health that it will stop; goes on as before. */
  announceStop(): void;
  /**
   * Takes no more events and finishes those in hand, for as long as the grace is; still answers calls, so that other
   * services can drain too.
   */
  drain(): Promise<void>;
  /**
   * Announces the stop and lets balancers notice, drains, finishes calls in hand, cuts what is left at the end of the
   * grace, and releases everything.
   */
  stop(): Promise<void>;
}
