import { counter, duration, gauge, type LabelValues, sharedDuration, sizes } from "./metric-spec.ts";

export { attributeSpecs, type SpanSpec, spanSpecs } from "./span-names.ts";

// The bounds below are far above what the system has, and far below what a Prometheus would notice.
const routes: LabelValues = { kind: "documented routes, else `none`", max: 250 };
const methods: LabelValues = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "OTHER"];
const statuses: LabelValues = { kind: "HTTP status codes", max: 60 };
const rpcServices: LabelValues = { kind: "gRPC services, as `ocelli.library.v1.PhotoService`", max: 40 };
const rpcMethods: LabelValues = { kind: "methods of the service", max: 60 };
const codes: LabelValues = { kind: "gRPC status names", max: 17 };
const consumers: LabelValues = { kind: "durable consumers", max: 60 };
const stores: LabelValues = ["auth", "library", "captioning", "face", "scene", "search"];
const models: LabelValues = { kind: "models of the manifest", max: 60 };
const reasons: LabelValues = { kind: "reasons of errors, as `QUEUE_FULL`; what is none, `OTHER`", max: 200 };

/** Buckets for work that takes minutes when much of it waits. */
const longBuckets = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 900, 3600];

/**
 * Every metric of Ocelli's own. All are created from here, and the documents, the dashboards and the alert rules are
 * checked against it: a metric that is not in this list does not exist.
 */
export const metricSpecs = {
  buildInfo: gauge(
    "ocelli_build_info",
    { service: { kind: "name of the process", max: 10 }, version: { kind: "its version", max: 1 } },
    "Always 1; says which version runs.",
  ),
  sampleFailures: counter(
    "ocelli_sample_failures_total",
    {},
    "Times that something to be shown here, as the depth of a queue, could not be read or not in time.",
  ),
  httpSeconds: duration(
    "ocelli_http_seconds",
    { route: routes, method: methods, status: statuses },
    "Seconds per HTTP request, until its last byte was sent.",
  ),
  httpInFlight: gauge("ocelli_http_in_flight", {}, "HTTP requests being answered."),
  uploadBytes: counter("ocelli_upload_bytes_total", {}, "Bytes of the files that were taken in as photos."),
  rpcServerSeconds: duration(
    "ocelli_rpc_server_seconds",
    { service: rpcServices, method: rpcMethods, code: codes },
    "Seconds per gRPC call answered; a stream counts until its end.",
  ),
  rpcServerInFlight: gauge(
    "ocelli_rpc_server_in_flight",
    { service: rpcServices },
    "gRPC calls being answered.",
  ),
  rpcClientSeconds: duration(
    "ocelli_rpc_client_seconds",
    { service: rpcServices, method: rpcMethods, code: codes },
    "Seconds per gRPC call made, with all of its attempts.",
  ),
  rpcClientRetries: counter(
    "ocelli_rpc_client_retries_total",
    { service: rpcServices },
    "Attempts after the first one of a gRPC call.",
  ),
  rpcClientBreakerState: gauge(
    "ocelli_rpc_client_breaker_state",
    { service: rpcServices },
    "Circuit breaker of an upstream: 0 closed, 1 half open, 2 open.",
  ),
  rpcClientRejected: counter(
    "ocelli_rpc_client_rejected_total",
    { service: rpcServices, reason: { kind: "why, as `breaker_open` or `bulkhead_full`", max: 10 } },
    "gRPC calls or attempts that were not made.",
  ),
  refused: counter(
    "ocelli_refused_total",
    { reason: reasons },
    "Work refused, because there is too much of it.",
  ),
  eventSeconds: duration(
    "ocelli_event_seconds",
    { consumer: consumers, outcome: ["done", "retry", "dead"] },
    "Seconds per delivery of an event to a consumer.",
  ),
  eventInFlight: gauge("ocelli_event_in_flight", { consumer: consumers }, "Deliveries being handled here."),
  eventRedeliveries: counter(
    "ocelli_event_redeliveries_total",
    { consumer: consumers },
    "Deliveries after the first one of an event.",
  ),
  eventReplays: counter(
    "ocelli_event_replays_total",
    { consumer: consumers },
    "Dead letters delivered again because an operator asked for it.",
  ),
  deadLettersTotal: counter("ocelli_event_dead_letters_total", { consumer: consumers }, "Events given up."),
  deadLetters: gauge(
    "ocelli_event_dead_letters",
    { consumer: consumers },
    "Dead letters in the store; counted up to 10,000 per store.",
  ),
  queuePending: gauge(
    "ocelli_event_queue_pending",
    { consumer: consumers },
    "Events that wait for their first delivery.",
  ),
  queueUnacked: gauge(
    "ocelli_event_queue_unacked",
    { consumer: consumers },
    "Events delivered and not done: in hand somewhere, or waiting for another try.",
  ),
  queueOldest: gauge(
    "ocelli_event_queue_oldest_seconds",
    { consumer: consumers },
    "Age of the oldest event that is not done; 0 when none is.",
  ),
  outboxUnsent: gauge(
    "ocelli_outbox_unsent",
    { store: stores },
    "Events in the outbox that are not sent; counted up to 10,000.",
  ),
  outboxOldest: gauge(
    "ocelli_outbox_oldest_unsent_seconds",
    { store: stores },
    "Age of the oldest unsent event in the outbox; 0 when there is none.",
  ),
  outboxPublished: counter(
    "ocelli_outbox_published_total",
    { store: stores, outcome: ["ok", "error"] },
    "Attempts to publish an event of the outbox.",
  ),
  dbPoolConnections: gauge(
    "ocelli_db_pool_connections",
    { store: stores, state: ["used", "idle"] },
    "Connections to the database.",
  ),
  dbPoolMax: gauge(
    "ocelli_db_pool_max_connections",
    { store: stores },
    "Most connections that the pool opens.",
  ),
  dbPoolWaiting: gauge("ocelli_db_pool_waiting", { store: stores }, "Queries that wait for a connection."),
  dbQuerySeconds: duration(
    "ocelli_db_query_seconds",
    { store: stores, operation: ["select", "insert", "update", "delete", "other"], outcome: ["ok", "error"] },
    "Seconds per SQL query.",
  ),
  stageSeconds: duration(
    "ocelli_stage_seconds",
    {
      stage: { kind: "stages of the analysis", max: 20 },
      outcome: ["succeeded", "failed", "skipped"],
    },
    "Seconds from a photo's being ready until a stage of its analysis was over.",
    longBuckets,
  ),
  jobs: gauge(
    "ocelli_jobs",
    { state: ["queued", "running", "stalled"] },
    "Jobs that are not over, by state; counted up to 10,000.",
  ),
  modelSeconds: sharedDuration("ocelli_model_seconds", { model: models }, "Seconds per model run."),
  modelQueueSeconds: sharedDuration(
    "ocelli_model_queue_seconds",
    { model: models },
    "Seconds that an item waited for its model run.",
  ),
  batchSize: sizes(
    "ocelli_model_batch_size",
    { model: models },
    "Items per model run.",
    [1, 2, 4, 8, 16, 32],
  ),
  modelQueue: gauge("ocelli_model_queue", { model: models }, "Items that wait for a model run."),
};
