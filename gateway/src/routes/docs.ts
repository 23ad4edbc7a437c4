import { readFileSync } from "node:fs";
import { Hono } from "hono";
import type { GatewayEnv } from "../context.ts";

const files = {
  "/docs": { file: "index.html", mediaType: "text/html; charset=utf-8" },
  "/docs/reference.js": { file: "reference.js", mediaType: "text/javascript; charset=utf-8" },
  "/docs/reference.css": { file: "reference.css", mediaType: "text/css; charset=utf-8" },
} as const;

// Everything comes from this server: the page works without the internet, and nothing else could run in it.
const contentSecurityPolicy =
  "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** The API reference for people, drawn from `/openapi.json`. */
export function docsRoutes(): Hono<GatewayEnv> {
  const router = new Hono<GatewayEnv>();
  for (const [path, { file, mediaType }] of Object.entries(files)) {
    const content = readFileSync(new URL(`../docs/${file}`, import.meta.url), "utf8");
    router.get(path, (c) =>
      c.body(content, 200, {
        "content-type": mediaType,
        "content-security-policy": contentSecurityPolicy,
        "cache-control": "no-cache",
      }),
    );
  }
  return router;
}
