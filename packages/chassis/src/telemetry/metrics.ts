import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** Prometheus metrics of one process. */
export interface Metrics {
  readonly registry: Registry;
  /** Seconds per gRPC call handled, by method and status. */
  readonly rpcSeconds: Histogram<"method" | "code">;
  /** Seconds per HTTP request, by route, method and status. */
  readonly httpSeconds: Histogram<"route" | "method" | "status">;
  /** Seconds per event handled, by consumer and outcome (`done`, `retry`, `dead`). */
  readonly eventSeconds: Histogram<"consumer" | "outcome">;
  /** Seconds per model run, by model. */
  readonly modelSeconds: Histogram<"model">;
  /** Items per model run, by model. */
  readonly batchSize: Histogram<"model">;
  /** Model runs waiting. */
  readonly modelQueue: Gauge;
  /** Work refused at the door, by reason. */
  readonly refused: Counter<"reason">;
}

// From a fast cache hit to a heavy model on a busy machine.
const secondsBuckets = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** Creates the metrics of one process, process statistics included. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const seconds = <L extends string>(name: string, help: string, labelNames: L[]) =>
    new Histogram({ name, help, labelNames, buckets: secondsBuckets, registers });
  return {
    registry,
    rpcSeconds: seconds("ocelli_rpc_seconds", "Seconds per gRPC call handled.", ["method", "code"]),
    httpSeconds: seconds("ocelli_http_seconds", "Seconds per HTTP request.", ["route", "method", "status"]),
    eventSeconds: seconds("ocelli_event_seconds", "Seconds per event handled.", ["consumer", "outcome"]),
    modelSeconds: seconds("ocelli_model_seconds", "Seconds per model run.", ["model"]),
    batchSize: new Histogram({
      name: "ocelli_model_batch_size",
      help: "Items per model run.",
      labelNames: ["model"],
      buckets: [1, 2, 4, 8, 16, 32],
      registers,
    }),
    modelQueue: new Gauge({ name: "ocelli_model_queue", help: "Model runs waiting.", registers }),
    refused: new Counter({
      name: "ocelli_refused_total",
      help: "Work refused.",
      labelNames: ["reason"],
      registers,
    }),
  };
}
