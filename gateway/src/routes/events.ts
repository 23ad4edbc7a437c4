import { createRoute, z } from "@hono/zod-openapi";
import { AppError, permissionDenied } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import type { GatewayContext } from "../context.ts";
import { requireOwnSite } from "../csrf.ts";
import { type LineFormat, sendLines } from "../live/line-response.ts";
import { createUserStream, type LiveMessage, newestFeedId, type UserStream } from "../live/user-stream.ts";
import { serveWebSocket } from "../live/web-socket.ts";
import { bearer, createRouter, problemResponse, type RouteDeps } from "./shared.ts";

const liveMessageSchema = z
  .object({
    id: z.int().openapi({ description: "Where to resume from; grows with each entry." }),
    type: z.string().openapi({
      description:
        "`photo.ready`, `photo.stage`, `photo.changed`, `photo.trashed`, `photo.deleted`, `job.updated` …; " +
        "`hello` first, `reset` when entries are missing and everything has to be read again, `expired` or " +
        "`revoked` at the end of the access.",
      example: "photo.stage",
    }),
    at: z.iso.datetime(),
    subjectId: z.string().openapi({ description: "The photo or job; empty where there is none." }),
    data: z.unknown().openapi({ description: "Details; depend on the type." }),
  })
  .openapi("LiveMessage");

const eventId = z
  .string()
  .regex(/^\d{1,15}$/, "must be the id of an entry")
  .transform(Number)
  .openapi({ type: "integer", description: "Id of the last entry that the client has; absent for now." });
const query = z.strictObject({ after: eventId.optional() });

// How long a browser waits before it connects again.
const retryMs = 3_000;
const eventStream: LineFormat<LiveMessage> = {
  mediaType: "text/event-stream",
  encode(message) {
    const retry = message.type === "hello" ? `retry: ${retryMs}\n` : "";
    return `${retry}id: ${message.id}\nevent: ${message.type}\ndata: ${JSON.stringify(message)}\n\n`;
  },
  heartbeat: ": still here\n\n",
};

/** What happens to the caller's photos and jobs, live: server-sent events and WebSocket. */
export function eventRoutes(deps: RouteDeps) {
  const router = createRouter();
  router.openapi(eventsRoute(deps), async (c) => {
    const { after } = c.req.valid("query");
    const last = c.req.valid("header")["last-event-id"];
    const left = c.req.raw.signal;
    const { stream, release } = await openStream(deps, c, last ?? after, left);
    return sendLines(c, { lines: stream.messages, format: eventStream, release });
  });
  router.openapi(webSocketRoute(deps), async (c) => {
    const offer = c.env.upgrade;
    if (!offer) throw upgradeRequired();
    requireOwnPage(c);
    const { stream, release } = await openStream(deps, c, c.req.valid("query").after, offer.closed);
    offer.closed.addEventListener("abort", release, { once: true });
    if (offer.closed.aborted) release();
    offer.accept((socket) => serveWebSocket(socket, stream));
    return c.body(null, 204);
  });
  return router;
}

async function openStream(
  deps: RouteDeps,
  c: GatewayContext,
  after: number | undefined,
  left: AbortSignal,
): Promise<{ stream: UserStream; release: () => void }> {
  const caller = c.get("caller");
  const giveBack = deps.watcherSlots.take(caller.userId);
  const watcher = deps.userWatch.open(caller.userId);
  const release = () => {
    watcher.close();
    giveBack();
  };
  try {
    const from = after ?? (await newestFeedId(deps.clients, caller, left));
    return { stream: createUserStream({ ...deps, caller, watcher, after: from, left }), release };
  } catch (error) {
    release();
    throw error;
  }
}

/**
 * Any page may open a WebSocket to anywhere, and the browser sends cookies along: only pages of ours, or listed in
 * CORS_ORIGINS, may. Clients that are no browsers name no origin, and use no cookies.
 */
function requireOwnPage(c: GatewayContext): void {
  const origin = c.req.header("origin");
  const hasToken = c.req.header("authorization") ?? c.req.header("x-api-key");
  if (origin === undefined && hasToken === undefined) {
    throw permissionDenied("CROSS_SITE_REQUEST", "A WebSocket with a session cookie needs an Origin.");
  }
  requireOwnSite(c);
}

function upgradeRequired(): AppError {
  return new AppError({
    code: Status.FAILED_PRECONDITION,
    reason: "UPGRADE_REQUIRED",
    message: "This address speaks WebSocket.",
  });
}

function eventsRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/events",
    tags: ["stream"],
    summary: "Watch everything (server-sent events)",
    description:
      "What happens to the caller's photos and jobs, each entry once and in order, with its id. A client that was away " +
      "resumes with `Last-Event-ID` or `after`; where entries are not kept any more it gets `reset`. The stream ends " +
      "with the access token.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { query, headers: z.object({ "last-event-id": eventId.optional() }) },
    responses: {
      200: {
        description: "Entries, as they come about.",
        content: { "text/event-stream": { schema: liveMessageSchema } },
      },
      ...problemResponse,
    },
  });
}

function webSocketRoute({ requireScope }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/ws",
    tags: ["stream"],
    summary: "Watch everything (WebSocket)",
    description:
      "The messages of `/events` as JSON text. Browsers offer the protocols `ocelli.v1` and `bearer.<access token>`, or " +
      "use the session cookie; others send the usual headers. The client may send " +
      '`{"type":"resume","after":id}` and `{"type":"ping"}`, which is answered with `pong`; at most 4 KB each, 60 a ' +
      "minute. Close codes: 1001 the server stops, 1009 message too long, 1011 failure, 4001 token expired, 4003 access " +
      "ended, 4008 reads too slowly, 4400 no such message, 4429 too many messages. After 1001, 1011, 4001 and 4008: " +
      "connect again and resume.",
    security: bearer,
    middleware: [requireScope("photos:read")],
    request: { query },
    responses: { 204: { description: "Never sent: the answer is 101." }, ...problemResponse },
  });
}
