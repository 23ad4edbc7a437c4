import * as crypto from "node:crypto";
import {
  connectNatsBus,
  createInProcessBus,
  createLogger,
  createMetrics,
  type EventBus,
  type Logger,
  type Runtime,
  startTracing,
} from "@ocelli/chassis";
import type { ProcessConfig } from "./config.ts";
import type { DataDirectory } from "./data-directory.ts";
import { hasNatsServer, startNatsServer } from "./nats-process.ts";
import type { Releases } from "./releases.ts";
import { StartupError } from "./startup-error.ts";

/** Version shown in telemetry and documents. */
export const version = "0.1.0";

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
  /** Called when something the process cannot live without has died. */
  onFatal: (error: Error) => void;
}

/** Sets up logs, telemetry, metrics and the event bus. */
export async function openRuntime(options: RuntimeOptions): Promise<ProcessRuntime> {
  const { config, releases } = options;
  const log = createLogger({ level: config.logLevel, format: logFormat(config.logFormat) });
  const tracing = await startTracing({
    serviceName: options.name,
    serviceVersion: version,
    otlpEndpoint: config.otlpEndpoint,
  });
  releases.add(() => tracing.stop());
  const { bus, open } = await openBus(options, log);
  const runtime: Runtime = {
    log,
    metrics: createMetrics(),
    bus,
    now: () => new Date(),
    newId: () => crypto.randomUUIDv7(),
  };
  return { runtime, openEvents: open };
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
