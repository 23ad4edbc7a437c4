import { optionalSetting, type SettingsValues, setting } from "../config/settings.ts";
import {
  duration,
  flag,
  fraction,
  grpcAddress,
  integer,
  keyValues,
  oneOf,
  publicUrl,
  secret,
  secretKeyValues,
  text,
  url,
  urlList,
} from "../config/types.ts";
import { type SamplerName, samplerNames } from "../telemetry/sampler.ts";

/** Issuer and audience that every token of the mesh must carry. */
export const tokenSettings = {
  tokenIssuer: setting("OCELLI_TOKEN_ISSUER", text(200), {
    default: "ocelli",
    doc: "`iss` of access tokens.",
  }),
  tokenAudience: setting("OCELLI_TOKEN_AUDIENCE", text(200), {
    default: "ocelli",
    doc: "`aud` of access tokens; tokens for another audience are refused.",
  }),
};

/** Settings of who makes links that people follow. */
export const publicUrlSettings = {
  publicUrl: setting("PUBLIC_URL", publicUrl, {
    default: "http://localhost:8080",
    defaultDoc: "`http://localhost:8080`; with `ocelli up`, `http://localhost:<PORT>`",
    doc: "Address under which people reach the gateway; links in e-mails start with it. With https, browsers are told never to use http again.",
  }),
};

/** Settings of a whole process, whichever services it runs. */
export const processSettings = {
  logLevel: setting("LOG_LEVEL", oneOf(["trace", "debug", "info", "warn", "error", "fatal", "silent"]), {
    default: "info",
    doc: "trace, debug, info, warn, error, fatal or silent.",
  }),
  logFormat: setting("LOG_FORMAT", oneOf(["auto", "json", "pretty"]), {
    default: "auto",
    doc: "json for collectors, pretty for people; auto picks pretty on a terminal.",
  }),
  otlpEndpoint: optionalSetting("OTEL_EXPORTER_OTLP_ENDPOINT", url("http", "https"), {
    doc: "OTLP/HTTP base URL that receives traces, e.g. http://localhost:4318. Nothing is sent when unset.",
    confidential: true,
  }),
  otlpHeaders: optionalSetting("OTEL_EXPORTER_OTLP_HEADERS", secretKeyValues, {
    doc: "Headers of every export, as `authorization=Bearer%20…`.",
    confidential: true,
  }),
  tracesSampler: setting<SamplerName>("OTEL_TRACES_SAMPLER", oneOf(samplerNames), {
    default: "parentbased_always_on",
    doc: `Which traces are kept: ${samplerNames.join(", ")}.`,
  }),
  tracesSamplerArg: setting("OTEL_TRACES_SAMPLER_ARG", fraction(0, 1), {
    default: 1,
    doc: "Share of the traces that samplers with a ratio keep, 0 to 1.",
  }),
  resourceAttributes: optionalSetting("OTEL_RESOURCE_ATTRIBUTES", keyValues, {
    doc: "Further attributes of everything that is traced, as `deployment.environment.name=production,k8s.pod.name=…`.",
  }),
  metricsPort: optionalSetting("METRICS_PORT", integer(0, 65_535), {
    doc: "Port on which the process serves `GET /metrics` and nothing else; 0 picks a free one. Not served when unset; the gateway has `/metrics` on its own port, too.",
  }),
  metricsHost: setting("METRICS_HOST", text(255), {
    default: "127.0.0.1",
    doc: "Address the metrics port listens on.",
  }),
  natsUrl: optionalSetting("NATS_URL", urlList("nats", "tls"), {
    doc: "NATS server with JetStream. `ocelli up` starts a nats-server found on PATH when unset, else events stay in the process.",
    confidential: true,
  }),
  natsAckWaitMs: setting(
    "NATS_ACK_WAIT",
    duration.refine((ms) => ms >= 1_000, "must be at least 1s"),
    {
      default: 30_000,
      defaultDoc: "30s",
      doc: "How long a process may be silent about an event before another one gets it: how soon the work of a killed process goes on.",
    },
  ),
};

/** How a process ends. */
export const shutdownSettings = {
  shutdownGraceMs: setting("SHUTDOWN_GRACE", duration, {
    default: 10_000,
    defaultDoc: "10s",
    doc: "How long calls and events in hand may take to finish on shutdown.",
  }),
  shutdownDelayMs: setting("SHUTDOWN_DELAY", duration, {
    default: 0,
    defaultDoc: "0s",
    doc: "How long a process that was told to stop goes on taking requests while it already says that it is not ready: as long as balancers in front of it take to notice.",
  }),
};

/** When work is refused because there is too much of it. */
const loopDelaySettings = {
  maxLoopDelayMs: setting("MAX_LOOP_DELAY", duration, {
    default: 1_000,
    defaultDoc: "1s",
    doc: "How long work may wait in a process, all the time for a second, before work is refused: background work at once, heavy work at twice as long, uploads at three times, other requests at four times; logins and reading what is there never.",
  }),
};

/** How calls to other services are bounded. */
export const upstreamSettings = {
  breakerFailures: setting("BREAKER_FAILURES", integer(1, 1_000), {
    default: 5,
    doc: "Calls in a row that a service does not answer before it is not asked any more; half of twenty within ten seconds do the same.",
  }),
  breakerOpenMs: setting("BREAKER_OPEN", duration, {
    default: 1_000,
    defaultDoc: "1s",
    doc: "How long such a service is not asked; then one call tries, and while that fails the time doubles up to eight times as long.",
  }),
  upstreamCalls: setting("UPSTREAM_CALLS", integer(1, 100_000), {
    default: 512,
    doc: "Calls to one service in hand at once, so that a slow one does not take everything.",
  }),
  upstreamQueue: setting("UPSTREAM_QUEUE", integer(0, 100_000), {
    default: 1_024,
    doc: "Calls to one service that may wait for a place; more are refused with UPSTREAM_BUSY.",
  }),
  upstreamQueueWaitMs: setting("UPSTREAM_QUEUE_WAIT", duration, {
    default: 2_000,
    defaultDoc: "2s",
    doc: "How long a call waits for a place before it is refused with UPSTREAM_BUSY.",
  }),
  upstreamStreams: setting("UPSTREAM_STREAMS", integer(1, 100_000), {
    default: 4_096,
    doc: "Uploads and downloads to and from one service open at once.",
  }),
};

/** When the gateway refuses requests. */
export const requestLoadSettings = {
  maxActiveRequests: setting("MAX_ACTIVE_REQUESTS", integer(1, 100_000), {
    default: 2_048,
    doc: "Requests in hand at once; more are refused with OVERLOADED. Background work may fill 40 % of them, heavy work 60 %, uploads 75 %, other requests 90 %; logins and reading what is there all.",
  }),
  maxRequestDelayMs: setting("MAX_REQUEST_DELAY", duration, {
    default: 500,
    defaultDoc: "500ms",
    doc: "How long half of the searches and changes may take, for half a second on end, before fewer of them are let in at once; reading and logins may take twice as long. The rest is refused with OVERLOADED.",
  }),
  ...loopDelaySettings,
};

/** Settings that every service has besides its own. */
export function serviceSettings<Name extends string>(name: Name, defaultPort: number) {
  const prefix = name.toUpperCase();
  return {
    host: setting(`${prefix}_HOST`, text(255), {
      default: "127.0.0.1",
      doc: `Address the ${name} gRPC server listens on.`,
    }),
    port: setting(`${prefix}_PORT`, integer(0, 65_535), {
      default: defaultPort,
      doc: `Port of the ${name} gRPC server; 0 picks a free one.`,
    }),
    databaseUrl: optionalSetting(`DATABASE_URL_${prefix}`, url("postgres", "postgresql"), {
      doc: `Postgres of the ${name} service.`,
      defaultDoc: "`DATABASE_URL`, else embedded",
      confidential: true,
    }),
    sharedDatabaseUrl: optionalSetting("DATABASE_URL", url("postgres", "postgresql"), {
      doc: "One Postgres for all services, each in its own schema.",
      defaultDoc: "embedded",
      confidential: true,
    }),
    migrateOnStart: setting("MIGRATE_ON_START", flag, {
      default: true,
      doc: "Whether a service brings its schema to the newest version when it starts. With false it starts only when the schema is what it knows, and `ocelli migrate` brings it there.",
    }),
    ...shutdownSettings,
    maxActiveCalls: setting("MAX_ACTIVE_CALLS", integer(1, 100_000), {
      default: 4_096,
      doc: "gRPC calls that a service has in hand at once; more are refused with OVERLOADED, streams of files from 75 % of it on.",
    }),
    ...loopDelaySettings,
    connectionAgeMs: setting(
      "RPC_CONNECTION_AGE",
      duration.refine((ms) => ms >= 1_000, "must be at least 1s"),
      {
        default: 300_000,
        defaultDoc: "5m",
        doc: "How long a service keeps a caller's gRPC connection before it asks for a new one; calls in hand go on. Callers look up its addresses again then, and so find replicas that were added.",
      },
    ),
    ...tokenSettings,
  };
}

/** Settings of a service that calls other services. */
export function callerSettings<Name extends string>(name: Name) {
  return {
    authAddress: setting("AUTH_ADDR", grpcAddress, {
      default: "127.0.0.1:7001",
      doc: "Address of the auth service.",
    }),
    serviceSecret: setting(`${name.toUpperCase()}_SERVICE_SECRET`, secret, {
      doc: `Secret with which ${name} gets its own token; the auth service knows it through SERVICE_ACCOUNTS.`,
      defaultDoc: "generated by `ocelli up`",
      confidential: true,
    }),
    ...upstreamSettings,
  };
}

/** Values of {@link serviceSettings}. */
export type ServiceConfig = SettingsValues<ReturnType<typeof serviceSettings>>;
/** Values of {@link callerSettings}. */
export type CallerConfig = SettingsValues<ReturnType<typeof callerSettings>>;
