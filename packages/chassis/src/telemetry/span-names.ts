/** What is traced as one kind of span. */
export interface SpanSpec {
  /** As documented; what stands in braces varies. */
  readonly name: string;
  /** Exactly the names of such spans. */
  readonly pattern: RegExp;
  readonly kind: "server" | "client" | "producer" | "consumer" | "internal";
  /** Attributes that such a span may carry, no others; see {@link attributeSpecs}. */
  readonly attributes: readonly (keyof typeof attributeSpecs)[];
  /** Names of events within it. */
  readonly events?: readonly string[];
  readonly help: string;
}

/** Every attribute that Ocelli writes, and what it holds. Those with the prefix `ocelli.` are its own. */
export const attributeSpecs = {
  "http.request.method": "Method, `OTHER` for unusual ones",
  "http.response.status_code": "Status",
  "http.route": "Route as documented, absent when none matched",
  "url.path": "Words of our own routes and ids; anything else is `*`, the query is left out",
  "url.scheme": "`http`",
  "rpc.system": "`grpc`",
  "rpc.service": "gRPC service",
  "rpc.method": "Method of it",
  "rpc.grpc.status_code": "Status as a number",
  "ocelli.rpc.messages.sent": "Messages of a stream that were sent",
  "ocelli.rpc.messages.received": "Messages of a stream that were received",
  "db.system.name": "`postgresql`",
  "db.namespace": "Schema, which is the name of the service",
  "db.operation.name": "`select`, `insert`, `update`, `delete` or `other`",
  "db.query.text": "Statement with placeholders, never values; at most 2000 characters",
  "messaging.system": "`nats` or `in-process`",
  "messaging.operation.name": "`publish` or `consume`",
  "messaging.operation.type": "`send` or `process`",
  "messaging.destination.name": "Subject",
  "messaging.consumer.group.name": "Durable consumer",
  "messaging.message.id": "Id of the event",
  "messaging.message.body.size": "Bytes of the event",
  "ocelli.delivery.attempt": "1 for the first delivery of an event",
  "ocelli.delivery.replay": "True when an operator asked for it",
  "ocelli.wait.ms": "How long an overloaded dependency is waited for",
  "ocelli.model.id": "Model",
  "ocelli.model.version": "Its version",
  "ocelli.batch.size": "Items of the run it was part of",
  "ocelli.queue.ms": "Wait for the run",
  "ocelli.run.ms": "The run itself",
  "error.type": "Reason of an error, status name or SQL state; never a message",
} as const;

const rpc = ["rpc.system", "rpc.service", "rpc.method", "rpc.grpc.status_code", "error.type"] as const;
const streams = ["ocelli.rpc.messages.sent", "ocelli.rpc.messages.received"] as const;
const messages = [
  "messaging.system",
  "messaging.operation.name",
  "messaging.operation.type",
  "messaging.destination.name",
  "messaging.message.id",
  "messaging.message.body.size",
  "error.type",
] as const;

/** Every kind of span that Ocelli writes. */
export const spanSpecs: readonly SpanSpec[] = [
  {
    name: "{method} {route}",
    pattern: /^(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|OTHER)( \/[\w/{}.:~-]*)?$/,
    kind: "server",
    attributes: [
      "http.request.method",
      "http.response.status_code",
      "http.route",
      "url.path",
      "url.scheme",
      "error.type",
    ],
    help: "One HTTP request, until its last byte was sent; `x-trace-id` of the answer names its trace.",
  },
  {
    name: "{service}/{method}",
    pattern: /^ocelli\.[a-z]+\.v1\.[A-Za-z]+\/[A-Za-z]+$/,
    kind: "client",
    attributes: [...rpc, ...streams],
    help: "One attempt of a gRPC call; a retried call has several beside each other.",
  },
  {
    name: "{service}/{method}",
    pattern: /^ocelli\.[a-z]+\.v1\.[A-Za-z]+\/[A-Za-z]+$/,
    kind: "server",
    attributes: [...rpc, ...streams],
    help: "One gRPC call answered; a stream's ends with its last message.",
  },
  {
    name: "SQL {OPERATION}",
    pattern: /^SQL [A-Z]+$/,
    kind: "client",
    attributes: ["db.system.name", "db.namespace", "db.operation.name", "db.query.text", "error.type"],
    help: "One query, without the wait for a connection.",
  },
  {
    name: "publish {subject}",
    pattern: /^publish ocelli(\.[a-z0-9_-]+)+$/,
    kind: "producer",
    attributes: messages,
    help: "The relay sends an event of the outbox; child of the span whose transaction wrote it.",
  },
  {
    name: "consume {subject}",
    pattern: /^consume ocelli(\.[a-z0-9_-]+)+$/,
    kind: "consumer",
    attributes: [
      ...messages,
      "messaging.consumer.group.name",
      "ocelli.delivery.attempt",
      "ocelli.delivery.replay",
    ],
    events: ["ocelli.dead_letter", "ocelli.overload"],
    help: "One delivery; every attempt is a child of the publishing span. A replay begins a trace that links to it.",
  },
  {
    name: "model.run {model}",
    pattern: /^model\.run [A-Za-z0-9._-]+$/,
    kind: "internal",
    attributes: [
      "ocelli.model.id",
      "ocelli.model.version",
      "ocelli.batch.size",
      "ocelli.queue.ms",
      "ocelli.run.ms",
      "error.type",
    ],
    help: "One item through a model: its wait and the run.",
  },
];
