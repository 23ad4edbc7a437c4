import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./context.ts";

const methods = "GET, HEAD, POST, PUT, PATCH, DELETE";
const requestHeaders = [
  "authorization",
  "content-type",
  "if-match",
  "if-none-match",
  "if-range",
  "last-event-id",
  "range",
  "traceparent",
  "tus-resumable",
  "upload-length",
  "upload-metadata",
  "upload-offset",
  "x-api-key",
  "x-csrf-token",
  "x-request-id",
].join(", ");
const answerHeaders = [
  "accept-ranges",
  "content-disposition",
  "content-range",
  "etag",
  "location",
  "ocelli-photo-id",
  "ratelimit",
  "ratelimit-policy",
  "retry-after",
  "tus-extension",
  "tus-max-size",
  "tus-resumable",
  "tus-version",
  "upload-expires",
  "upload-length",
  "upload-metadata",
  "upload-offset",
  "x-request-id",
  "x-trace-id",
].join(", ");
// As long as Chromium keeps one at most; an origin that was taken off the list can do no harm without a token anyway.
const maxAgeSeconds = "7200";

/** Lets pages of listed origins, and no others, read answers and send credentials. */
export function allowOrigins(origins: ReadonlySet<string>): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    const origin = c.req.header("origin");
    const listed = origin !== undefined && origins.has(origin);
    const isPreflight =
      c.req.method === "OPTIONS" &&
      origin !== undefined &&
      c.req.header("access-control-request-method") !== undefined;
    if (isPreflight) c.res = new Response(null, { status: 204 });
    else await next();
    // Also for those not listed: a cache must not give one origin what was meant for another.
    c.header("vary", "Origin", { append: true });
    if (!listed) return;
    c.header("access-control-allow-origin", origin);
    c.header("access-control-allow-credentials", "true");
    if (!isPreflight) return c.header("access-control-expose-headers", answerHeaders);
    c.header("access-control-allow-methods", methods);
    c.header("access-control-allow-headers", requestHeaders);
    c.header("access-control-max-age", maxAgeSeconds);
  };
}
