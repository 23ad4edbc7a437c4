import {
  type Context,
  context,
  ROOT_CONTEXT,
  type SpanContext,
  type Tracer,
  trace,
} from "@opentelemetry/api";

const pattern = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/;

/**
 * The tracer of events. Asked for at every use: one that was obtained before the tracer provider was registered, as
 * at the top of a module, records nothing for ever.
 */
export function eventsTracer(): Tracer {
  return trace.getTracer("ocelli.events");
}

/** W3C `traceparent` of a context's span, absent when there is none. */
export function traceparentOf(source: Context = context.active()): string | undefined {
  const span = trace.getSpanContext(source);
  if (!span || !trace.isSpanContextValid(span)) return undefined;
  return `00-${span.traceId}-${span.spanId}-${span.traceFlags.toString(16).padStart(2, "0")}`;
}

/** A context whose parent is the remote span; a missing or malformed `traceparent` starts a new trace. */
export function contextFrom(traceparent: string | null | undefined): Context {
  const [, traceId, spanId, flags] = pattern.exec(traceparent ?? "") ?? [];
  if (!traceId || !spanId || !flags) return ROOT_CONTEXT;
  const remote: SpanContext = { traceId, spanId, traceFlags: Number.parseInt(flags, 16), isRemote: true };
  return trace.isSpanContextValid(remote) ? trace.setSpanContext(ROOT_CONTEXT, remote) : ROOT_CONTEXT;
}
