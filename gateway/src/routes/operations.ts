import { createRoute, z } from "@hono/zod-openapi";
import type { Metrics } from "@ocelli/chassis";
import type { Readiness } from "../readiness.ts";
import { createRouter, json } from "./shared.ts";

const readinessSchema = z
  .object({
    ready: z.boolean(),
    draining: z.boolean().openapi({ description: "True once the process was told to stop." }),
    checks: z.record(z.string(), z.enum(["ok", "degraded", "failed", "timeout"])).openapi({
      description: "By dependency; `degraded` says it is well and calls to it fail nevertheless.",
    }),
    required: z.array(z.string()).openapi({
      description:
        "Those that `ready` rests on. Without any other, what it does is missing and the rest works.",
    }),
  })
  .openapi("Readiness");

const tags = ["operations"];
const noStore = { "cache-control": "no-store" };

const healthRoute = createRoute({
  method: "get",
  path: "/health",
  tags,
  summary: "Is the process alive?",
  responses: { 200: json("It is.", z.object({ status: z.literal("ok") })) },
});

const readyRoute = createRoute({
  method: "get",
  path: "/ready",
  tags,
  summary: "Can it do its work?",
  responses: {
    200: json("It can; an optional dependency may be missing.", readinessSchema),
    503: json("Something required is missing, or the process is about to stop.", readinessSchema),
  },
});

const metricsRoute = createRoute({
  method: "get",
  path: "/metrics",
  tags,
  summary: "Prometheus metrics",
  responses: { 200: { description: "Metrics.", content: { "text/plain": { schema: z.string() } } } },
});

/** Liveness, readiness and metrics; without the API's base and without a token. */
export function operationRoutes({
  metrics,
  readiness,
}: {
  metrics: Metrics;
  readiness: () => Promise<Readiness>;
}) {
  const router = createRouter();
  router.openapi(healthRoute, (c) => c.json({ status: "ok" as const }, 200, noStore));
  router.openapi(readyRoute, async (c) => {
    const result = await readiness();
    return c.json(result, result.ready ? 200 : 503, noStore);
  });
  router.openapi(metricsRoute, async (c) => {
    const { body, contentType } = await metrics.expose(c.req.header("accept"));
    return c.text(body, 200, { ...noStore, "content-type": contentType });
  });
  return router;
}
