import type { Dashboard } from "./panels.ts";
import { largest, percentile, percentiles, rate, total } from "./queries.ts";

const overview: Dashboard = {
  uid: "ocelli-overview",
  title: "Ocelli: overview",
  description: "Rate, errors and duration of everything that is asked, over HTTP and between the services.",
  rows: [
    {
      title: "HTTP",
      panels: [
        {
          title: "Requests",
          description: "Per second and status.",
          unit: "reqps",
          queries: [rate("ocelli_http_seconds_count", "status")],
        },
        {
          title: "Errors",
          description:
            "Share of requests that ended with a 5xx; the line is what empties a month's budget in two days.",
          unit: "percentunit",
          alarm: 0.072,
          queries: [{ expr: "ocelli:http_error_ratio:rate5m", legend: "5xx" }],
        },
        {
          title: "Duration",
          description:
            "Until the last byte was sent, without streams and files; the points are single requests with their traces.",
          unit: "s",
          queries: percentiles(
            "ocelli_http_seconds",
            'route!~".*(events|stream|ws|export|original|import|uploads).*"',
          ),
        },
        {
          title: "Slowest routes",
          description: "95th percentile by route.",
          unit: "s",
          queries: [{ expr: "topk(10, ocelli:http_seconds:p95_5m)", legend: "{{route}}" }],
        },
        {
          title: "Busiest routes",
          description: "Requests per second by route.",
          unit: "reqps",
          queries: [
            {
              expr: "topk(10, sum by (method, route) (rate(ocelli_http_seconds_count[$__rate_interval])))",
              legend: "{{method}} {{route}}",
            },
          ],
        },
        {
          title: "In hand",
          description: "Requests being answered.",
          unit: "short",
          queries: [total("ocelli_http_in_flight", "")],
        },
      ],
    },
    {
      title: "Between the services",
      panels: [
        {
          title: "Calls",
          description: "gRPC calls answered per second, by service.",
          unit: "reqps",
          queries: [rate("ocelli_rpc_server_seconds_count", "service")],
        },
        {
          title: "Errors",
          description: "Share of calls that ended with an error of the server.",
          unit: "percentunit",
          alarm: 0.05,
          queries: [{ expr: "ocelli:rpc_error_ratio:rate5m", legend: "{{service}}" }],
        },
        {
          title: "Duration",
          description: "95th percentile by service, streams included.",
          unit: "s",
          queries: [percentile("ocelli_rpc_server_seconds", "service")],
        },
        {
          title: "As callers see it",
          description: "95th percentile with all attempts and waits.",
          unit: "s",
          queries: [percentile("ocelli_rpc_client_seconds", "service")],
        },
        {
          title: "In hand",
          description: "gRPC calls being answered.",
          unit: "short",
          queries: [total("ocelli_rpc_server_in_flight", "service")],
        },
        {
          title: "Processes",
          description: "By service and version.",
          unit: "short",
          queries: [
            { expr: "count by (service, version) (ocelli_build_info)", legend: "{{service}} {{version}}" },
          ],
        },
      ],
    },
    {
      title: "Processes",
      panels: [
        {
          title: "Processor",
          description: "Cores in use.",
          unit: "short",
          queries: [rate("process_cpu_seconds_total", "instance")],
        },
        {
          title: "Memory",
          description: "Resident.",
          unit: "bytes",
          queries: [largest("process_resident_memory_bytes", "instance")],
        },
        {
          title: "Event loop",
          description: "Delay that one in a hundred timers has.",
          unit: "s",
          alarm: 0.5,
          queries: [largest("nodejs_eventloop_lag_p99_seconds", "instance")],
        },
      ],
    },
  ],
};

const pipeline: Dashboard = {
  uid: "ocelli-pipeline",
  title: "Ocelli: pipeline",
  description:
    "How photos get through their analysis: uploads, stages, queues, outboxes, dead letters, jobs.",
  rows: [
    {
      title: "Photos",
      panels: [
        {
          title: "Uploads",
          description: "Bytes taken in per second.",
          unit: "Bps",
          queries: [rate("ocelli_upload_bytes_total", "")],
        },
        {
          title: "Stages ended",
          description: "Per second and stage.",
          unit: "ops",
          queries: [rate("ocelli_stage_seconds_count", "stage")],
        },
        {
          title: "Stages failed",
          description: "Per second and stage.",
          unit: "ops",
          queries: [rate("ocelli_stage_seconds_count", "stage", 'outcome="failed"')],
        },
        {
          title: "From upload to result",
          description: "95th percentile by stage, over 15 minutes.",
          unit: "s",
          queries: [{ expr: "ocelli:stage_seconds:p95_15m", legend: "{{stage}}" }],
        },
        {
          title: "From upload to result, typically",
          description: "Median by stage.",
          unit: "s",
          queries: [percentile("ocelli_stage_seconds", "stage", 0.5, 'outcome="succeeded"')],
        },
        {
          title: "Jobs",
          description: "Not over, by state.",
          unit: "short",
          queries: [largest("ocelli_jobs", "state")],
        },
      ],
    },
    {
      title: "Queues",
      panels: [
        {
          title: "Waiting",
          description: "Events that no consumer has got yet.",
          unit: "short",
          queries: [largest("ocelli_event_queue_pending", "consumer")],
        },
        {
          title: "Not done",
          description: "Events delivered: in hand, or waiting for another try.",
          unit: "short",
          queries: [largest("ocelli_event_queue_unacked", "consumer")],
        },
        {
          title: "Oldest",
          description: "Age of the oldest event that is not done.",
          unit: "s",
          alarm: 3600,
          queries: [largest("ocelli_event_queue_oldest_seconds", "consumer")],
        },
        {
          title: "Deliveries",
          description: "Per second, by outcome.",
          unit: "ops",
          queries: [rate("ocelli_event_seconds_count", "outcome")],
        },
        {
          title: "Handling",
          description: "95th percentile by consumer.",
          unit: "s",
          queries: [percentile("ocelli_event_seconds", "consumer")],
        },
        {
          title: "In hand",
          description: "Deliveries being handled.",
          unit: "short",
          queries: [total("ocelli_event_in_flight", "consumer")],
        },
        {
          title: "Deliveries again",
          description: "Per second: after a failure, and replays that somebody asked for.",
          unit: "ops",
          queries: [
            rate("ocelli_event_redeliveries_total", "consumer"),
            { ...rate("ocelli_event_replays_total", "consumer"), legend: "{{consumer}} replay" },
          ],
        },
        {
          title: "Given up",
          description: "Dead letters per second.",
          unit: "ops",
          queries: [rate("ocelli_event_dead_letters_total", "consumer")],
        },
        {
          title: "Dead letters",
          description: "That lie in the stores.",
          unit: "short",
          alarm: 1,
          queries: [largest("ocelli_event_dead_letters", "consumer")],
        },
      ],
    },
    {
      title: "Outboxes",
      panels: [
        {
          title: "Unsent",
          description: "Events; without NATS also those being handled.",
          unit: "short",
          queries: [largest("ocelli_outbox_unsent", "store")],
        },
        {
          title: "Oldest unsent",
          description: "Its age.",
          unit: "s",
          alarm: 120,
          queries: [largest("ocelli_outbox_oldest_unsent_seconds", "store")],
        },
        {
          title: "Sent",
          description: "Per second, and attempts that failed.",
          unit: "ops",
          queries: [rate("ocelli_outbox_published_total", "store, outcome")],
        },
      ],
    },
  ],
};

const models: Dashboard = {
  uid: "ocelli-models",
  title: "Ocelli: models",
  description: "What the models do and how long work waits for them.",
  rows: [
    {
      title: "Models",
      panels: [
        {
          title: "Runs",
          description: "Per second and model.",
          unit: "ops",
          queries: [rate("ocelli_model_seconds_count", "model")],
        },
        {
          title: "Run",
          description: "95th percentile of one run.",
          unit: "s",
          queries: [percentile("ocelli_model_seconds", "model")],
        },
        {
          title: "Wait",
          description: "95th percentile of an item's wait for its run.",
          unit: "s",
          alarm: 20,
          queries: [{ expr: "ocelli:model_queue_seconds:p95_5m", legend: "{{model}}" }],
        },
        {
          title: "Waiting",
          description: "Items, by model.",
          unit: "short",
          queries: [total("ocelli_model_queue", "model")],
        },
        {
          title: "Batches",
          description: "Items per run, on average.",
          unit: "short",
          queries: [
            {
              expr: "sum by (model) (rate(ocelli_model_batch_size_sum[$__rate_interval])) / sum by (model) (rate(ocelli_model_batch_size_count[$__rate_interval]))",
              legend: "{{model}}",
            },
          ],
        },
        {
          title: "Busy",
          description: "Seconds of model time per second: how many workers are at it.",
          unit: "short",
          queries: [rate("ocelli_model_seconds_sum", "model")],
        },
      ],
    },
  ],
};

const stores: Dashboard = {
  uid: "ocelli-stores",
  title: "Ocelli: stores",
  description: "Databases as the services see them.",
  rows: [
    {
      title: "Queries",
      panels: [
        {
          title: "Queries",
          description: "Per second and store.",
          unit: "ops",
          queries: [rate("ocelli_db_query_seconds_count", "store")],
        },
        {
          title: "Duration",
          description: "95th percentile by store.",
          unit: "s",
          queries: [percentile("ocelli_db_query_seconds", "store")],
        },
        {
          title: "Failures",
          description: "Queries per second that failed.",
          unit: "ops",
          queries: [rate("ocelli_db_query_seconds_count", "store", 'outcome="error"')],
        },
        {
          title: "By kind",
          description: "Queries per second.",
          unit: "ops",
          queries: [rate("ocelli_db_query_seconds_count", "operation")],
        },
        {
          title: "Duration by kind",
          description: "95th percentile.",
          unit: "s",
          queries: [percentile("ocelli_db_query_seconds", "operation")],
        },
      ],
    },
    {
      title: "Connections",
      panels: [
        {
          title: "In use",
          description: "Share of the pool, the fullest process of each store.",
          unit: "percentunit",
          alarm: 0.9,
          queries: [
            {
              expr: 'max by (store) (ocelli_db_pool_connections{state="used"} / on (store, instance, job) ocelli_db_pool_max_connections)',
              legend: "{{store}}",
            },
          ],
        },
        {
          title: "Open",
          description: "Connections by state.",
          unit: "short",
          queries: [total("ocelli_db_pool_connections", "store, state")],
        },
        {
          title: "Waiting",
          description: "Queries without a connection.",
          unit: "short",
          alarm: 1,
          queries: [largest("ocelli_db_pool_waiting", "store")],
        },
      ],
    },
  ],
};

const limits: Dashboard = {
  uid: "ocelli-limits",
  title: "Ocelli: limits",
  description: "What is refused, repeated and not tried any more.",
  rows: [
    {
      title: "At the door",
      panels: [
        {
          title: "Shed",
          description: "Share of requests answered with 429 or 503.",
          unit: "percentunit",
          alarm: 0.05,
          queries: [{ expr: "ocelli:shed_ratio:rate5m", legend: "429 and 503" }],
        },
        {
          title: "Refused",
          description: "Per second and reason.",
          unit: "ops",
          queries: [rate("ocelli_refused_total", "reason")],
        },
        {
          title: "By route",
          description: "Requests per second answered with 429 or 503.",
          unit: "reqps",
          queries: [rate("ocelli_http_seconds_count", "route, status", 'status=~"429|503"')],
        },
      ],
    },
    {
      title: "Upstreams",
      panels: [
        {
          title: "Breakers",
          description: "0 closed, 1 half open, 2 open.",
          unit: "short",
          alarm: 2,
          queries: [largest("ocelli_rpc_client_breaker_state", "service")],
        },
        {
          title: "Retries",
          description: "Attempts after the first one, per second.",
          unit: "ops",
          queries: [rate("ocelli_rpc_client_retries_total", "service")],
        },
        {
          title: "Not made",
          description: "Calls and attempts per second, by reason.",
          unit: "ops",
          queries: [rate("ocelli_rpc_client_rejected_total", "service, reason")],
        },
        {
          title: "Failures as callers see them",
          description: "Calls per second that ended without an answer.",
          unit: "ops",
          queries: [
            rate("ocelli_rpc_client_seconds_count", "service, code", 'code=~"UNAVAILABLE|DEADLINE_EXCEEDED"'),
          ],
        },
      ],
    },
  ],
};

/** Every dashboard that comes with Ocelli. */
export const dashboards: readonly Dashboard[] = [overview, pipeline, models, stores, limits];
