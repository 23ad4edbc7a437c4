import {
  type Attributes,
  type Context,
  context,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  type TextMapGetter,
  type TextMapSetter,
  trace,
} from "@opentelemetry/api";
import { isAbortError } from "abort-controller-x";
import {
  type CallContext,
  type CallOptions,
  ClientError,
  type ClientMiddlewareCall,
  Metadata,
  ServerError,
  type ServerMiddlewareCall,
  Status,
} from "nice-grpc-common";

const setter: TextMapSetter<Metadata> = { set: (metadata, key, value) => void metadata.set(key, value) };
const getter: TextMapGetter<Metadata> = {
  get: (metadata, key) => {
    const value = metadata.get(key);
    return typeof value === "string" ? value : undefined;
  },
  keys: (metadata) => Array.from(metadata, ([key]) => key),
};

/** What a server did wrong, as the conventions for gRPC see it; the other codes blame the caller. */
const serverFaults: ReadonlySet<Status> = new Set([
  Status.UNKNOWN,
  Status.DEADLINE_EXCEEDED,
  Status.UNIMPLEMENTED,
  Status.INTERNAL,
  Status.UNAVAILABLE,
  Status.DATA_LOSS,
]);

/**
 * One server span per call. It continues the caller's trace, ends when the last message was sent, and says how many
 * messages a stream had: an event for each, as usual, would drown a file of 800 chunks.
 */
export function traceServerCalls() {
  return <Request, Response>(call: ServerMiddlewareCall<Request, Response>, callContext: CallContext) => {
    const parent = propagation.extract(ROOT_CONTEXT, callContext.metadata, getter);
    const span = startSpan(call.method.path, SpanKind.SERVER, parent);
    return bound(trace.setSpan(parent, span), serve(call, callContext, span));
  };
}

async function* serve<Request, Response>(
  call: ServerMiddlewareCall<Request, Response>,
  callContext: CallContext,
  span: Span,
) {
  let status: Status = Status.CANCELLED;
  try {
    const received = call.requestStream ? counted(call.request, span, "received") : call.request;
    const last = call.responseStream
      ? yield* counted(call.next(received, callContext), span, "sent")
      : yield* call.next(received, callContext);
    status = Status.OK;
    return last;
  } catch (error) {
    status = statusOf(error);
    throw error;
  } finally {
    end(span, status, serverFaults.has(status));
  }
}

/** One client span per attempt of a call, when it comes before what repeats calls; the trace goes along in the metadata. */
export function traceClientCalls() {
  return <Request, Response>(call: ClientMiddlewareCall<Request, Response>, options: CallOptions) => {
    const span = startSpan(call.method.path, SpanKind.CLIENT, context.active());
    const active = trace.setSpan(context.active(), span);
    const metadata = Metadata(options.metadata);
    propagation.inject(active, metadata, setter);
    return bound(active, ask(call, { ...options, metadata }, span));
  };
}

async function* ask<Request, Response>(
  call: ClientMiddlewareCall<Request, Response>,
  options: CallOptions,
  span: Span,
) {
  // Whoever stops reading a stream ends the call without an error.
  let status: Status = Status.CANCELLED;
  try {
    const sent = call.requestStream ? counted(call.request, span, "sent") : call.request;
    const last = call.responseStream
      ? yield* counted(call.next(sent, options), span, "received")
      : yield* call.next(sent, options);
    status = Status.OK;
    return last;
  } catch (error) {
    status = statusOf(error);
    throw error;
  } finally {
    end(span, status, status !== Status.OK && status !== Status.CANCELLED);
  }
}

function startSpan(path: string, kind: SpanKind, parent: Context): Span {
  const [, service = "", method = ""] = path.split("/");
  const attributes: Attributes = { "rpc.system": "grpc", "rpc.service": service, "rpc.method": method };
  return trace.getTracer("ocelli.rpc").startSpan(`${service}/${method}`, { kind, attributes }, parent);
}

function end(span: Span, status: Status, failed: boolean): void {
  const name = Status[status] ?? "UNKNOWN";
  span.setAttribute("rpc.grpc.status_code", status);
  if (failed) {
    span.setAttribute("error.type", name);
    // The message may quote what somebody sent; the code says enough, and the log has the rest.
    span.setStatus({ code: SpanStatusCode.ERROR, message: name });
  }
  span.end();
}

function statusOf(error: unknown): Status {
  if (error instanceof ServerError || error instanceof ClientError) return error.code;
  return isAbortError(error) ? Status.CANCELLED : Status.UNKNOWN;
}

/** Passes messages on, and writes down how many there were, also when the reader leaves. */
async function* counted<T, Last>(
  messages: AsyncIterable<T, Last>,
  span: Span,
  direction: "sent" | "received",
): AsyncGenerator<T, Last, undefined> {
  let count = 0;
  const iterator = messages[Symbol.asyncIterator]();
  let finished = false;
  try {
    for (;;) {
      const next = await iterator.next();
      if (next.done) {
        finished = true;
        return next.value;
      }
      count += 1;
      yield next.value;
    }
  } finally {
    span.setAttribute(`ocelli.rpc.messages.${direction}`, count);
    if (!finished) await iterator.return?.();
  }
}

/** Generators continue in the context of whoever asks for their next item; this one stays in its own. */
function bound<T, Last>(
  own: Context,
  generator: AsyncGenerator<T, Last, undefined>,
): AsyncGenerator<T, Last, undefined> {
  const iterator: AsyncGenerator<T, Last, undefined> = {
    next: () => context.with(own, () => generator.next()),
    return: (value) => context.with(own, () => generator.return(value)),
    throw: (error) => context.with(own, () => generator.throw(error)),
    [Symbol.asyncIterator]: () => iterator,
    [Symbol.asyncDispose]: () => context.with(own, () => generator[Symbol.asyncDispose]()),
  };
  return iterator;
}
