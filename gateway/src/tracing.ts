import { randomBytes, randomUUID } from "node:crypto";
import type { Logger, Metrics } from "@ocelli/chassis";
import {
  context,
  isValidTraceId,
  propagation,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
} from "@opentelemetry/api";
import type { MiddlewareHandler } from "hono";
import { routePath } from "hono/route";
import type { GatewayContext, GatewayEnv } from "./context.ts";
import { withoutSecrets } from "./credentials-in-url.ts";

// Long enough to tell requests apart, short and plain enough for any log.
const requestIdPattern = /^[A-Za-z0-9._-]{8,64}$/;
const knownMethods: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "POST",
  "PUT",
  "PATCH",
  "DELETE",
  "OPTIONS",
]);

/**
 * One server span, one log line and one measurement per request. The span continues a valid incoming `traceparent`,
 * is active while the request is handled, and ends when the last byte was sent.
 */
export function traceRequests(deps: {
  log: Logger;
  metrics: Metrics;
  /** What of a path may be traced. */
  tracePath: (path: string) => string;
}): MiddlewareHandler<GatewayEnv> {
  const tracer = trace.getTracer("@ocelli/gateway");
  return async (c, next) => {
    const startedAt = performance.now();
    deps.metrics.httpInFlight.inc();
    const method = knownMethods.has(c.req.method) ? c.req.method : "OTHER";
    const parent = propagation.extract(context.active(), traceHeaders(c));
    const span = tracer.startSpan(
      method,
      { kind: SpanKind.SERVER, attributes: requestAttributes(method, deps.tracePath(c.req.path)) },
      parent,
    );
    identify(c, span);
    await context.with(trace.setSpan(parent, span), next);
    c.header("x-request-id", c.get("requestId"));
    c.header("x-trace-id", c.get("traceId"));
    const route = routeName(c);
    const { status } = c.res;
    span.updateName(route === "" ? method : `${method} ${route}`);
    span.setAttributes({
      "http.response.status_code": status,
      ...(route === "" ? {} : { "http.route": route }),
    });
    if (status >= 500) {
      span.setAttribute("error.type", String(status));
      span.setStatus({ code: SpanStatusCode.ERROR });
    }
    whenSent(c, () => {
      const seconds = (performance.now() - startedAt) / 1000;
      span.end();
      deps.metrics.httpInFlight.dec();
      const labels = { route: route || "none", method, status: String(status) };
      deps.metrics.httpSeconds.observe(labels, seconds, span.spanContext());
      deps.log.debug(
        {
          method,
          route,
          status,
          ms: Math.round(seconds * 1000),
          traceId: c.get("traceId"),
          requestId: c.get("requestId"),
        },
        "request",
      );
    });
  };
}

function traceHeaders(c: GatewayContext): Record<string, string> {
  const traceparent = c.req.header("traceparent");
  const tracestate = withoutSecrets(c.req.header("tracestate") ?? "");
  return { ...(traceparent ? { traceparent } : {}), ...(tracestate ? { tracestate } : {}) };
}

function requestAttributes(method: string, path: string) {
  return {
    "http.request.method": method,
    // The query may hold what people search for, so only the path is recorded.
    "url.path": path,
    "url.scheme": "http",
  };
}

function identify(c: GatewayContext, span: Span): void {
  const { traceId } = span.spanContext();
  // Without a tracer in the process the id still has to tie log lines and problems together.
  c.set("traceId", isValidTraceId(traceId) ? traceId : randomBytes(16).toString("hex"));
  const requestId = c.req.header("x-request-id");
  c.set("requestId", requestId && isRequestId(requestId) ? requestId : randomUUID());
}

/** Ids are logged and sent back, so a client that puts a key there by mistake gets a fresh one. */
function isRequestId(text: string): boolean {
  return requestIdPattern.test(text) && withoutSecrets(text) === text;
}

/** The route as documented (`/api/v1/photos/{id}`); empty when none matched. */
function routeName(c: GatewayContext): string {
  const path = routePath(c, -1);
  return path.includes("*") ? "" : path.replaceAll(/:(\w+)/g, "{$1}");
}

function whenSent(c: GatewayContext, done: () => void): void {
  // Absent when the app is called without a server.
  const outgoing: GatewayEnv["Bindings"]["outgoing"] | undefined = c.env?.outgoing;
  if (!outgoing || outgoing.closed) done();
  else outgoing.once("close", done);
}
