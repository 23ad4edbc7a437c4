import { readFileSync } from "node:fs";
import { notFound, permissionDenied, type SpanRecorder } from "@ocelli/chassis";
import { Hono } from "hono";
import type { Gate } from "../authentication.ts";
import type { GatewayConfig } from "../config.ts";
import type { GatewayContext, GatewayEnv } from "../context.ts";
import { isForeignPage, localOr } from "../debug/local-access.ts";
import { fits, traceFilterSchema } from "../debug/trace-filter.ts";
import { summarize, viewTrace } from "../debug/trace-view.ts";
import { pagePolicy } from "../page-policy.ts";
import { validationError } from "../problem.ts";

const html = "text/html; charset=utf-8";
const script = "text/javascript; charset=utf-8";
const style = "text/css; charset=utf-8";
const files = {
  "": ["traces.html", html],
  "/:id{[0-9a-f]{32}}": ["trace.html", html],
  "/traces.js": ["traces.js", script],
  "/trace.js": ["trace.js", script],
  "/details.js": ["details.js", script],
  "/format.js": ["format.js", script],
  "/debug.css": ["debug.css", style],
  "/waterfall.css": ["waterfall.css", style],
} as const;

const headers = { "cache-control": "no-store", "cross-origin-resource-policy": "same-origin" };

/** What {@link debugRoutes} needs. */
export interface DebugDeps {
  readonly recorder?: SpanRecorder | undefined;
  readonly config: Pick<GatewayConfig, "publicUrl" | "trustedProxies">;
}

/**
 * The last requests as waterfalls, for who develops and for who looks for a fault: open to this machine and to
 * administrators. Without a recorder none of these addresses exists.
 */
export function debugRoutes({ recorder, config, requireScope }: DebugDeps & Gate): Hono<GatewayEnv> {
  const router = new Hono<GatewayEnv>();
  if (!recorder) return router;
  const gate = localOr(requireScope("admin"), config);
  for (const [path, [file, mediaType]] of Object.entries(files)) {
    const content = readFileSync(new URL(`../debug/pages/${file}`, import.meta.url), "utf8");
    router.get(`/debug/traces${path}`, gate, (c) =>
      c.body(content, 200, {
        ...headers,
        "content-type": mediaType,
        "content-security-policy": pagePolicy,
      }),
    );
  }
  router.get("/debug/traces.json", gate, (c) => {
    refuseForeignPages(c);
    const query = traceFilterSchema.safeParse(c.req.query());
    if (!query.success) throw validationError(query.error);
    const all = recorder.traces().map(summarize);
    return c.json({ items: all.filter((trace) => fits(trace, query.data)), kept: all.length }, 200, headers);
  });
  router.get("/debug/traces/:file{[0-9a-f]{32}\\.json}", gate, (c) => {
    refuseForeignPages(c);
    const trace = recorder.trace(c.req.param("file").slice(0, 32));
    if (!trace) throw notFound("TRACE_NOT_FOUND", "This trace is not, or no longer, kept.");
    return c.json(viewTrace(trace), 200, headers);
  });
  return router;
}

function refuseForeignPages(c: GatewayContext): void {
  if (isForeignPage(c)) throw permissionDenied("CROSS_SITE", "Pages of other sites may not read traces.");
}
