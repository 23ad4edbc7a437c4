import type { MiddlewareHandler } from "hono";
import type { GatewayEnv } from "./context.ts";
import { rateLimitHeaders } from "./rate-limits.ts";

const defaults: Readonly<Record<string, string>> = {
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "content-security-policy":
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-site",
  "permissions-policy":
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), microphone=(), payment=(), usb=()",
  "cache-control": "private, no-cache",
};

// Two years, as browsers ask for before they put a host on their own list.
const strictTransport = "max-age=63072000; includeSubDomains";
// Answers about accounts and access are kept by nobody, not even by the browser's back button.
const neverKept = /^\/api\/v1\/(?:auth|users|api-keys|service-accounts|audit|activity)(?:\/|$)/;

/** Headers that keep browsers from guessing, framing or keeping; a handler's own choice wins. */
export function securityHeaders(options: { publicUrl: string }): MiddlewareHandler<GatewayEnv> {
  const isPublicHttps = options.publicUrl.startsWith("https:");
  return async (c, next) => {
    await next();
    if (neverKept.test(c.req.path)) c.header("cache-control", "no-store");
    for (const [name, value] of Object.entries(defaults)) if (!c.res.headers.has(name)) c.header(name, value);
    if (isPublicHttps || c.get("secure")) c.header("strict-transport-security", strictTransport);
    const state = c.get("rateLimit");
    if (state) for (const [name, value] of Object.entries(rateLimitHeaders(state))) c.header(name, value);
  };
}
