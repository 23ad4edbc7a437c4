import { createRoute, z } from "@hono/zod-openapi";
import type { Metrics } from "@ocelli/chassis";
import type { Readiness } from "../readiness.ts";
import { createRouter, json } from "./shared.ts";

const readinessSchema = z
  .object({ ready: z.boolean(), checks: z.record(z.string(), z.enum(["ok", "failed", "timeout"])) })
  .openapi("Readiness");

/** Liveness, readiness and metrics; without the API's base and without a token. */
export function operationRoutes({
  metrics,
  readiness,
}: {
  metrics: Metrics;
  readiness: () => Promise<Readiness>;
}) {
  const router = createRouter();
  const tags = ["operations"];
  const headers = { "cache-control": "no-store" };

  router.openapi(
    createRoute({
      method: "get",
      path: "/health",
      tags,
      summary: "Is the process alive?",
      responses: { 200: json("It is.", z.object({ status: z.literal("ok") })) },
    }),
    (c) => c.json({ status: "ok" as const }, 200, headers),
  );

  router.openapi(
    createRoute({
      method: "get",
      path: "/ready",
      tags,
      summary: "Can it do its work?",
      responses: {
        200: json("Every dependency is usable.", readinessSchema),
        503: json("Some dependency is not.", readinessSchema),
      },
    }),
    async (c) => {
      const result = await readiness();
      return c.json(result, result.ready ? 200 : 503, headers);
    },
  );

  router.openapi(
    createRoute({
      method: "get",
      path: "/metrics",
      tags,
      summary: "Prometheus metrics",
      responses: { 200: { description: "Metrics.", content: { "text/plain": { schema: z.string() } } } },
    }),
    async (c) =>
      c.text(await metrics.registry.metrics(), 200, {
        ...headers,
        "content-type": metrics.registry.contentType,
      }),
  );

  return router;
}
