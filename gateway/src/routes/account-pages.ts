import { readFileSync } from "node:fs";
import { Hono } from "hono";
import type { GatewayEnv } from "../context.ts";
import { pagePolicy } from "../page-policy.ts";

const files = {
  "/account/verify-email": { file: "verify-email.html", mediaType: "text/html; charset=utf-8" },
  "/account/reset-password": { file: "reset-password.html", mediaType: "text/html; charset=utf-8" },
  "/account/account.js": { file: "account.js", mediaType: "text/javascript; charset=utf-8" },
  "/account/account.css": { file: "account.css", mediaType: "text/css; charset=utf-8" },
} as const;

/** The pages to which the links in e-mail lead. Tokens stay behind the `#`, so no request and no log has them. */
export function accountPageRoutes(): Hono<GatewayEnv> {
  const router = new Hono<GatewayEnv>();
  for (const [path, { file, mediaType }] of Object.entries(files)) {
    const content = readFileSync(new URL(`../account-pages/${file}`, import.meta.url), "utf8");
    router.get(path, (c) =>
      c.body(content, 200, {
        "content-type": mediaType,
        "content-security-policy": pagePolicy,
        "referrer-policy": "no-referrer",
        "cross-origin-opener-policy": "same-origin",
        "cache-control": "no-cache",
      }),
    );
  }
  return router;
}
