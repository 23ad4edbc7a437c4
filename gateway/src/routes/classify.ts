import { createRoute } from "@hono/zod-openapi";
import type { libraryV1 } from "@ocelli/contracts";
import { callOptions, type GatewayContext } from "../context.ts";
import { resultsFor, seesPeople } from "../known-people.ts";
import { type LineFormat, ndjson, sendLines, serverSentEvents } from "../live/line-response.ts";
import { lineSchema } from "../live/lines.ts";
import { streamPhoto } from "../live/photo-stream.ts";
import { isShared, sharedResults } from "../shared-results.ts";
import { uploadMessages } from "../upload-messages.ts";
import { forwardFile } from "../uploads.ts";
import { required } from "../views/required.ts";
import { bearer, createRouter, fileBody, photoIdParam, problemResponse, type RouteDeps } from "./shared.ts";

/** Live results: of a photo being uploaded, and of one that is stored. */
export function classifyRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(classifyRoute(deps), (c) => classify(deps, c));
  router.openapi(eventsRoute(deps), (c) => watchPhoto(deps, c, c.req.valid("param").id));
  return router;
}

function classifyRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/classify",
    tags: ["stream"],
    summary: "Store a photo and stream what is seen in it",
    description:
      "One JSON object per line, each sent the moment its result exists: `photo` first, `done` last. " +
      "A stage that gives up is an `error` line. Bytes seen before are not analysed again. `people`, which comes after " +
      "`faces`, takes the scope `people`; without it the line is left out.",
    security: bearer,
    // It reads what it stored.
    middleware: [requireScope(["photos:write", "photos:read"], "analyze")],
    request: { body: fileBody() },
    responses: { 200: lines("application/x-ndjson"), ...problemResponse },
  });
}

function eventsRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/photos/{id}/events",
    tags: ["photos"],
    summary: "Watch a photo's results (server-sent events)",
    description: "The same lines as `/classify`, named after their type. Close after `done`.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { params: photoIdParam },
    responses: { 200: lines("text/event-stream"), ...problemResponse },
  });
}

function lines<M extends string>(mediaType: M) {
  return { description: "Lines, as they come about.", content: { [mediaType]: { schema: lineSchema } } };
}

async function classify(deps: RouteDeps, c: GatewayContext): Promise<Response> {
  const startedAt = performance.now();
  const release = deps.watcherSlots.take(c.get("caller").userId);
  try {
    const answer = await forwardFile(c, deps.config, (part, options) =>
      deps.clients.library.uploadPhoto(uploadMessages(part, true), options),
    );
    const { duplicate } = answer;
    return follow(deps, c, {
      photo: required(answer.photo, "photo"),
      duplicate,
      format: ndjson,
      startedAt,
      release,
    });
  } catch (error) {
    release();
    throw error;
  }
}

async function watchPhoto(deps: RouteDeps, c: GatewayContext, photoId: string): Promise<Response> {
  const startedAt = performance.now();
  const release = deps.watcherSlots.take(c.get("caller").userId);
  try {
    const { photo } = await deps.clients.library.getPhoto({ photoId }, callOptions(c));
    return follow(deps, c, { photo: required(photo, "photo"), format: serverSentEvents, startedAt, release });
  } catch (error) {
    release();
    throw error;
  }
}

interface Follow {
  photo: libraryV1.Photo;
  duplicate?: boolean;
  format: LineFormat;
  startedAt: number;
  release: () => void;
}

function follow(deps: RouteDeps, c: GatewayContext, { format, release, ...photo }: Follow): Response {
  const caller = c.get("caller");
  const shared = isShared(c, photo.photo);
  const watcher = deps.watch.open(photo.photo.id);
  const options = callOptions(c);
  const lines = streamPhoto({
    ...photo,
    ...deps,
    results: shared ? sharedResults(deps.results, photo.photo) : resultsFor(caller, deps.results),
    seesPeople: !shared && seesPeople(caller),
    watcher,
    callOptions: options,
    timeoutMs: deps.config.classifyTimeoutMs,
    left: options.signal,
  });
  const close = () => {
    watcher.close();
    release();
  };
  return sendLines(c, { lines, format, release: close });
}
