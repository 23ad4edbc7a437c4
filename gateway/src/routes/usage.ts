import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions, callOptions } from "../context.ts";
import { toUsageView } from "../views/access.ts";
import { usageSchema } from "../views/schemas-access.ts";
import { door, idParam, jsonBody, problems } from "./account-route.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const limit = z.int().min(0).nullable();
const quotaBody = z
  .strictObject({
    bytes: limit.openapi({ description: "Most bytes of originals.", example: 10_000_000_000 }),
    photos: limit.openapi({ description: "Most photos.", example: null }),
  })
  .openapi("Quota", { description: "`null` means the installation's default, 0 unlimited." });

const tags = ["users"];

/** What photos take, and how much they may take. */
export function usageRoutes(deps: RouteDeps) {
  const { library, users } = deps.clients;
  const router = createRouter({ reason: "USER_NOT_FOUND", message: "There is no such user." });

  router.openapi(ownUsageRoute(deps), async (c) => {
    const { usage } = await library.getUsage({}, callOptions(c));
    return c.json(toUsageView(usage), 200);
  });
  router.openapi(userUsageRoute(deps), async (c) => {
    const userId = c.req.valid("param").id;
    // The library does not know who exists, only who owns photos.
    const [{ usage }] = await Promise.all([
      library.getUserUsage({ userId }, callOptions(c)),
      users.getUser({ userId }, authCallOptions(c)),
    ]);
    return c.json(toUsageView(usage), 200);
  });
  router.openapi(quotaRoute(deps), async (c) => {
    const userId = c.req.valid("param").id;
    const { bytes, photos } = c.req.valid("json");
    await users.getUser({ userId }, authCallOptions(c));
    const quota = { bytes: bytes ?? undefined, photos: photos ?? undefined };
    const { usage } = await library.setQuota({ userId, quota }, callOptions(c));
    return c.json(toUsageView(usage), 200);
  });
  return router;
}

function ownUsageRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/users/me/usage",
    tags,
    summary: "What the caller's photos take",
    ...door(deps, "profile"),
    responses: { 200: json("Usage and limits.", usageSchema), ...problemResponse },
  });
}

function userUsageRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/users/{id}/usage",
    tags,
    summary: "What a user's photos take",
    description: "For administrators.",
    // `profile` is what reading an account takes.
    ...door(deps, ["admin", "profile"]),
    request: { params: idParam("User id.") },
    responses: {
      200: json("Usage and limits.", usageSchema),
      ...problems({ 403: "`SCOPE_REQUIRED`", 404: "`USER_NOT_FOUND`" }),
    },
  });
}

function quotaRoute(deps: RouteDeps) {
  return createRoute({
    method: "put",
    path: "/users/{id}/quota",
    tags,
    summary: "Set how much a user's photos may take",
    description: "For administrators. What is stored already stays.",
    ...door(deps, ["admin", "profile"], "json"),
    request: { params: idParam("User id."), body: jsonBody(quotaBody) },
    responses: {
      200: json("Usage with the limits now in force.", usageSchema),
      ...problems({ 403: "`SCOPE_REQUIRED`", 404: "`USER_NOT_FOUND`" }),
    },
  });
}
