import * as crypto from "node:crypto";
import {
  connectNatsBus,
  createInProcessBus,
  createLogger,
  createMetrics,
  type EventBus,
  type Logger,
  type Metrics,
  type Runtime,
  type SpanRecorder,
  sampleQueues,
  startMetricsServer,
  startTracing,
} from "@ocelli/chassis";
import type { ProcessConfig } from "./config.ts";
import type { DataDirectory } from "./data-directory.ts";
import { hasNatsServer, startNatsServer } from "./nats-process.ts";
import type { Releases } from "./releases.ts";
import { StartupError } from "./startup-error.ts";
import { version } from "./version.ts";

/** What every process of Ocelli needs before its services start. */
export interface ProcessRuntime {
  runtime: Runtime;
  /** Lets events flow; call it once every service of the process has registered its consumers. */
  openEvents: () => void;
}

/** Settings of {@link openRuntime}. */
export interface RuntimeOptions {
  config: ProcessConfig;
  /** `service.name` in telemetry. */
  name: string;
  /** Absent for processes without a data folder; they need NATS_URL or stay alone. */
  data?: DataDirectory;
  /** Gets everything that must be released when the process stops, also what was opened before a later failure. */
  releases: Releases;
  /** Keeps what is traced, for the gateway of this process to show. */
  recorder?: SpanRecorder | undefined;
  /** Called when something the process cannot live without has died. */
  onFatal: (error: Error) => void;
}

/** Sets up logs, telemetry, metrics and the event bus. */
export async function openRuntime(options: RuntimeOptions): Promise<ProcessRuntime> {
  const { config, releases, recorder } = options;
  const log = createLogger({ level: config.logLevel, format: logFormat(config.logFormat) });
  const tracing = await startTracing({
    serviceName: options.name,
    serviceVersion: version,
    otlpEndpoint: config.otlpEndpoint,
    otlpHeaders: config.otlpHeaders,
    sampler: config.tracesSampler,
    samplerRatio: config.tracesSamplerArg,
    resourceAttributes: config.resourceAttributes,
    processors: recorder ? [recorder] : [],
  });
  releases.add(() => tracing.stop());
  const { bus, open } = await openBus(options, log);
  const metrics = createMetrics();
  metrics.buildInfo.set({ service: options.name, version }, 1);
  metrics.onScrape(sampleQueues(bus, metrics));
  await serveMetrics(config, metrics, releases);
  const runtime: Runtime = {
    log,
    metrics,
    bus,
    recorder,
    now: () => new Date(),
    newId: () => crypto.randomUUIDv7(),
  };
  return { runtime, openEvents: open };
}

async function serveMetrics(config: ProcessConfig, metrics: Metrics, releases: Releases): Promise<void> {
  const { metricsHost: host, metricsPort: port } = config;
  if (port === undefined) return;
  try {
    const server = await startMetricsServer({ metrics, host, port });
    releases.add(() => server.stop());
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(`METRICS_PORT: ${port} on ${host} cannot be used (${reason})`);
  }
}

async function openBus(
  { config, data, name, onFatal, releases }: RuntimeOptions,
  log: Logger,
): Promise<{ bus: EventBus; open: () => void }> {
  const url = config.natsUrl ?? (await startOwnNats(config, data, onFatal, releases));
  if (url) {
    const bus = await connectNats(url, name, config.natsAckWaitMs, log);
    releases.add(() => bus.close());
    return { bus, open: () => undefined };
  }
  const bus = createInProcessBus({ held: true });
  releases.add(() => bus.close());
  return { bus, open: () => bus.open() };
}

async function startOwnNats(
  config: ProcessConfig,
  data: DataDirectory | undefined,
  onFatal: (error: Error) => void,
  releases: Releases,
): Promise<string | undefined> {
  if (!data || config.events === "in-process") return undefined;
  if (!hasNatsServer()) {
    if (config.events === "nats")
      throw new StartupError("OCELLI_EVENTS=nats needs a nats-server on PATH, or NATS_URL");
    return undefined;
  }
  const server = await startNatsServer(data, (code) =>
    onFatal(new Error(`nats-server stopped with code ${code}`)),
  );
  releases.add(() => server.stop());
  return server.url;
}

async function connectNats(url: string, name: string, ackWaitMs: number, log: Logger): Promise<EventBus> {
  try {
    return await connectNatsBus({ url, name, ackWaitMs, log });
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(
      `NATS at ${hideCredentials(url)} cannot be used (${reason}); check NATS_URL and that JetStream is on`,
    );
  }
}

function hideCredentials(url: string): string {
  return url.replace(/\/\/[^@/]*@/, "//***@");
}

function logFormat(format: string): "json" | "pretty" {
  if (format === "json" || format === "pretty") return format;
  return process.stdout.isTTY ? "pretty" : "json";
}
