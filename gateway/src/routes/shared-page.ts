import { readFileSync } from "node:fs";
import { Hono } from "hono";
import type { GatewayEnv } from "../context.ts";

const files = {
  "/shared": { file: "shared.html", mediaType: "text/html; charset=utf-8" },
  "/shared/shared.js": { file: "shared.js", mediaType: "text/javascript; charset=utf-8" },
  "/shared/shared.css": { file: "shared.css", mediaType: "text/css; charset=utf-8" },
} as const;

// A link's secret is in the page's hands: nothing but its own script runs, and it talks to this server only.
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "require-trusted-types-for 'script'",
  "trusted-types 'none'",
].join("; ");

/** The page for visitors of public links. The secret stays behind the `#`, so no request and no log has it. */
export function sharedPageRoutes(): Hono<GatewayEnv> {
  const router = new Hono<GatewayEnv>();
  for (const [path, { file, mediaType }] of Object.entries(files)) {
    const content = readFileSync(new URL(`../shared-page/${file}`, import.meta.url), "utf8");
    router.get(path, (c) =>
      c.body(content, 200, {
        "content-type": mediaType,
        "content-security-policy": contentSecurityPolicy,
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",
      }),
    );
  }
  return router;
}
