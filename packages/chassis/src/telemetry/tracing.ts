import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, NodeTracerProvider, type SpanProcessor } from "@opentelemetry/sdk-trace-node";

/** Settings of {@link startTracing}. */
export interface TracingOptions {
  /** `service.name` of the process. */
  serviceName: string;
  serviceVersion: string;
  /** OTLP/HTTP base URL, e.g. `http://localhost:4318`; absent exports nothing (ids still reach logs and errors). */
  otlpEndpoint?: string | undefined;
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
    processors.push(new BatchSpanProcessor(new OTLPTraceExporter({ url }), { scheduledDelayMillis: 1000 }));
  }
  const provider = new NodeTracerProvider({
    resource: resourceFromAttributes({
      "service.name": options.serviceName,
      "service.version": options.serviceVersion,
    }),
    spanProcessors: processors,
  });
  provider.register();
  return { stop: () => provider.shutdown() };
}
