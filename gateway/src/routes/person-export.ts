import { createRoute } from "@hono/zod-openapi";
import { callOptions, type GatewayContext } from "../context.ts";
import { disconnect, ndjson } from "../live/line-response.ts";
import { refuseHead } from "../refuse-head.ts";
import { streamBytes } from "../stream-bytes.ts";
import { door, idParam, problems } from "./account-route.ts";
import { peopleTags as tags, unknownPerson } from "./people-inputs.ts";
import { createRouter, type RouteDeps } from "./shared.ts";

/** Everything known of a person, to take away. */
export function personExportRoutes(deps: RouteDeps) {
  const router = createRouter(unknownPerson);
  router.openapi(exportRoute(deps), (c) => exportPerson(deps, c, c.req.valid("param").id));
  return router;
}

async function exportPerson(deps: RouteDeps, c: GatewayContext, personId: string): Promise<Response> {
  const { clients, config, watcherSlots } = deps;
  const release = watcherSlots.take(c.get("caller").userId);
  const stop = new AbortController();
  const options = callOptions(c, config.uploadTimeoutMs);
  const signal = AbortSignal.any([options.signal, stop.signal]);
  // A client that takes nothing would hold its place for nobody: the deadline of the call is only seen by reading on.
  const late = setTimeout(() => {
    end();
    disconnect(c);
  }, config.uploadTimeoutMs);
  function end(): void {
    clearTimeout(late);
    stop.abort();
    release();
  }
  try {
    const chunks = clients.people.exportPerson({ personId }, { ...options, signal })[Symbol.asyncIterator]();
    // Read before anything is sent, so that a person that is not there is a problem and no broken download.
    const first = await chunks.next();
    async function* rest(): AsyncGenerator<Uint8Array> {
      for (let next = first; !next.done; next = await chunks.next()) yield next.value.chunk;
      end();
    }
    const headers = {
      "content-type": ndjson.mediaType,
      "content-disposition": `attachment; filename="person-${personId}.ndjson"`,
      "cache-control": "no-store",
      "x-accel-buffering": "no",
    };
    return new Response(streamBytes(c, rest(), end), { headers });
  } catch (error) {
    end();
    throw error;
  }
}

function exportRoute(deps: RouteDeps) {
  const { middleware, ...access } = door(deps, "people");
  return createRoute({
    method: "get",
    path: "/people/{id}/export",
    tags,
    summary: "Everything known of a person, as JSON lines",
    description: "The person, then one line per face; never what recognises them.",
    ...access,
    middleware: [...middleware, refuseHead()],
    request: { params: idParam("Person id.") },
    responses: {
      200: {
        description: "The lines.",
        content: { [ndjson.mediaType]: { schema: { type: "string" as const, format: "binary" } } },
      },
      ...problems({ 404: "`PERSON_NOT_FOUND`", 429: "`TOO_MANY_WATCHERS`" }),
    },
  });
}
