import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./context.ts";

const defaults: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-site",
  "cache-control": "private, no-cache",
};

/** Headers that keep browsers from guessing, framing or keeping; a handler's own choice wins. */
export function securityHeaders(): MiddlewareHandler<GatewayEnv> {
  return async (c, next) => {
    await next();
    for (const [name, value] of Object.entries(defaults)) if (!c.res.headers.has(name)) c.header(name, value);
  };
}
