import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { clearSessionCookies } from "../cookies.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { toSessionView } from "../views/account.ts";
import { revokedSessionsSchema, sessionSchema } from "../views/schemas-account.ts";
import { door, empty, idParam, noStore, problems } from "./account-route.ts";
import { createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

const tags = ["auth"];

/** The caller's sessions. */
export function sessionRoutes(deps: RouteDeps) {
  const { auth } = deps.clients;
  const router = createRouter({ reason: "SESSION_NOT_FOUND", message: "There is no such session." });

  router.openapi(listRoute(deps), async (c) => {
    const { sessions, nextPageToken } = await auth.listSessions(c.req.valid("query"), authCallOptions(c));
    return c.json({ items: sessions.map(toSessionView), nextPageToken }, 200, noStore);
  });
  router.openapi(revokeOthersRoute(deps), async (c) => {
    const { sessionIds } = await auth.revokeOtherSessions({}, authCallOptions(c));
    refuseGrants(deps, ...sessionIds);
    return c.json({ revoked: sessionIds.length }, 200);
  });
  router.openapi(revokeRoute(deps), async (c) => {
    const sessionId = c.req.valid("param").id;
    await auth.revokeSession({ sessionId }, authCallOptions(c));
    refuseGrants(deps, sessionId);
    if (sessionId === c.get("caller").grant.id) clearSessionCookies(c);
    return c.body(null, 204);
  });
  return router;
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/auth/sessions",
    tags,
    summary: "List open sessions, the one used last first",
    ...door(deps, "session"),
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(sessionSchema)), ...problemResponse },
  });
}

function revokeOthersRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/auth/sessions",
    tags,
    summary: "End every session but the one that asks",
    ...door(deps, "session"),
    responses: { 200: json("How many ended.", revokedSessionsSchema), ...problemResponse },
  });
}

function revokeRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/auth/sessions/{id}",
    tags,
    summary: "End a session",
    description: "Its tokens are refused everywhere at once.",
    ...door(deps, "session"),
    request: { params: idParam("Session id.") },
    responses: { 204: empty("The session is over."), ...problems({ 404: "`SESSION_NOT_FOUND`" }) },
  });
}
