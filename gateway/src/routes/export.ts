import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { prepareExport } from "../export/export-zip.ts";
import { createZipWriter } from "../export/zip-writer.ts";
import { streamBytes } from "../stream-bytes.ts";
import { id } from "./inputs.ts";
import { bearer, createRouter, problemResponse, type RouteDeps } from "./shared.ts";

const query = z.strictObject({
  albumId: id.optional().openapi({ description: "Only this album and those in it." }),
  originals: z
    .enum(["true", "false"])
    .default("true")
    .openapi({ description: "`false` leaves the originals out." }),
});

/** Everything of a user in one zip. */
export function exportRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(exportRoute(deps), async (c) => {
    const { albumId, originals } = c.req.valid("query");
    const { userId } = c.get("caller");
    const release = deps.watcherSlots.take(userId);
    const stop = new AbortController();
    const options = callOptions(c, deps.config.uploadTimeoutMs);
    const call = { ...options, signal: AbortSignal.any([options.signal, stop.signal]) };
    try {
      const write = await prepareExport(deps, {
        caller: c.get("caller"),
        albumId,
        originals: originals === "true",
        call,
      });
      const zip = createZipWriter();
      const onAbort = () => zip.destroy(new Error("the export was broken off"));
      call.signal.addEventListener("abort", onAbort, { once: true });
      void write(zip)
        .catch((error: unknown) => {
          if (!call.signal.aborted) deps.log.warn({ err: error }, "an export broke off");
          zip.destroy(error instanceof Error ? error : new Error(String(error)));
        })
        .finally(release);
      const body = streamBytes(c, zip.read(), () => stop.abort());
      const headers = {
        "content-type": "application/zip",
        "content-disposition": 'attachment; filename="ocelli-export.zip"',
        "cache-control": "no-store",
        "x-accel-buffering": "no",
      };
      return new Response(body, { headers });
    } catch (error) {
      release();
      throw error;
    }
  });
  return router;
}

function exportRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/export",
    tags: ["photos"],
    summary: "Originals and results as one zip",
    description:
      "Each original with a `.json` beside it that says what `GET /photos/{id}` says, in folders by album. " +
      "`export.json` in the zip names what could not be had. A zip that was broken off has no end: tools refuse it.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { query },
    responses: {
      200: {
        description: "The zip.",
        content: { "application/zip": { schema: { type: "string" as const, format: "binary" } } },
      },
      ...problemResponse,
    },
  });
}
