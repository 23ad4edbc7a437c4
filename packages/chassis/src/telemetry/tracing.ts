import { randomUUID } from "node:crypto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace-node";
import type { Secret } from "../config/settings.ts";
import { parseKeyValues } from "./key-value-list.ts";
import { createSampler, type SamplerName } from "./sampler.ts";

/** Settings of {@link startTracing}. */
export interface TracingOptions {
  /** `service.name` of the process. */
  serviceName: string;
  serviceVersion: string;
  /** OTLP/HTTP base URL, e.g. `http://localhost:4318`; absent exports nothing (ids still reach logs and errors). */
  otlpEndpoint?: string | undefined;
  /** Headers of every export, as `key=value,key=value`. */
  otlpHeaders?: Secret | undefined;
  /** Which traces are kept; by default what the caller decided, and all that begin here. */
  sampler?: SamplerName;
  /** Share that samplers with a ratio keep, 0 to 1. */
  samplerRatio?: number;
  /** Further attributes of the resource; they win over those of this process. */
  resourceAttributes?: Readonly<Record<string, string>> | undefined;
  /** Further processors, e.g. a recorder. */
  processors?: SpanProcessor[];
}

/** Running telemetry of a process. */
export interface Tracing {
  /** Exports what is pending, then stops. */
  stop(): Promise<void>;
}

/** Sets up trace context, W3C propagation and OTLP export for this process; call once, before anything is traced. */
export async function startTracing(options: TracingOptions): Promise<Tracing> {
  const processors = [...(options.processors ?? [])];
  if (options.otlpEndpoint) {
    const { OTLPTraceExporter } = await import("@opentelemetry/exporter-trace-otlp-proto");
    const url = `${options.otlpEndpoint.replace(/\/$/, "")}/v1/traces`;
    const headers = parseKeyValues(options.otlpHeaders?.reveal() ?? "");
    processors.push(
      new BatchSpanProcessor(new OTLPTraceExporter({ url, headers }), { scheduledDelayMillis: 1000 }),
    );
  }
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.namespace": "ocelli",
      "service.name": options.serviceName,
      "service.version": options.serviceVersion,
      "service.instance.id": randomUUID(),
      ...options.resourceAttributes,
    }),
    sampler: createSampler(options.sampler ?? "parentbased_always_on", options.samplerRatio ?? 1),
    spanProcessors: processors,
  });
  provider.register();
  return { stop: () => provider.shutdown() };
}
