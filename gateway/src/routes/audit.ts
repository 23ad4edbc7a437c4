import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { toAuditEntryView } from "../views/access.ts";
import { auditEntrySchema } from "../views/schemas-access.ts";
import { door, noStore, problems } from "./account-route.ts";
import { id, moment } from "./inputs.ts";
import { createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

const auditQuery = z.strictObject({
  userId: id.optional().openapi({ description: "Only entries by or about this user." }),
  action: z
    .string()
    .max(60)
    .regex(/^[a-z][a-z-]*(\.[a-z-]*)?$/, "must be an action such as session.opened")
    .optional()
    .openapi({ description: "Only this action; with a trailing `.` every action that begins so." }),
  outcome: z.enum(["success", "failure"]).optional(),
  from: moment.optional().openapi({ description: "Only entries from this time on." }),
  until: moment.optional().openapi({ description: "Only entries before this time." }),
  ...pageQuery,
});

const tags = ["audit"];

/** Who did what, when, from where, and how it ended. */
export function auditRoutes(deps: RouteDeps) {
  const { audit } = deps.clients;
  const router = createRouter();

  router.openapi(auditRoute(deps), async (c) => {
    const { userId = "", action = "", outcome = "", ...rest } = c.req.valid("query");
    const request = { from: undefined, until: undefined, ...rest, userId, action, outcome };
    const { entries, nextPageToken } = await audit.listAudit(request, authCallOptions(c));
    return c.json({ items: entries.map(toAuditEntryView), nextPageToken }, 200, noStore);
  });
  router.openapi(activityRoute(deps), async (c) => {
    const { entries, nextPageToken } = await audit.listActivity(c.req.valid("query"), authCallOptions(c));
    return c.json({ items: entries.map(toAuditEntryView), nextPageToken }, 200, noStore);
  });
  return router;
}

function auditRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/audit",
    tags,
    summary: "List everything that happened, newest first",
    description: "For administrators.",
    ...door(deps, "admin"),
    request: { query: auditQuery },
    responses: { 200: json("One page.", listOf(auditEntrySchema)), ...problems({ 403: "`SCOPE_REQUIRED`" }) },
  });
}

function activityRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/users/me/activity",
    tags,
    summary: "List what happened to the caller's account, newest first",
    ...door(deps, "profile"),
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(auditEntrySchema)), ...problemResponse },
  });
}
