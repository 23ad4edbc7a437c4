import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { clearSessionCookies } from "../cookies.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { toUserView } from "../views/account.ts";
import { userSchema } from "../views/schemas-account.ts";
import { door, empty, jsonBody, optionalJsonBody, problems } from "./account-route.ts";
import { name, password } from "./inputs.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const renameBody = z.strictObject({ name }).openapi("UpdateProfile");
const deleteBody = z
  .strictObject({
    password: password.default("").openapi({ description: "Needed unless the account has none." }),
  })
  .openapi("DeleteAccount");

const tags = ["users"];

/** The caller's own account. */
export function currentUserRoutes(deps: RouteDeps) {
  const { auth, users } = deps.clients;
  const router = createRouter();

  router.openapi(getRoute(deps), async (c) => {
    const { user } = await auth.getCurrentUser({}, authCallOptions(c));
    return c.json(toUserView(user), 200);
  });
  router.openapi(updateRoute(deps), async (c) => {
    const change = { name: c.req.valid("json").name, role: "", disabled: false, updateMask: ["name"] };
    const { userId } = c.get("caller");
    const { user } = await users.updateUser({ ...change, userId }, authCallOptions(c));
    return c.json(toUserView(user), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const { userId, grant } = c.get("caller");
    const { password: given = "" } = c.req.valid("json");
    await users.deleteUser({ userId, password: given }, authCallOptions(c));
    refuseGrants(deps, grant.id);
    clearSessionCookies(c);
    return c.body(null, 204);
  });
  return router;
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/users/me",
    tags,
    summary: "The calling user",
    ...door(deps, "profile"),
    responses: { 200: json("The caller's account.", userSchema), ...problemResponse },
  });
}

function updateRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/users/me",
    tags,
    summary: "Change the caller's name",
    ...door(deps, "profile", "json"),
    request: { body: jsonBody(renameBody) },
    responses: {
      200: json("The account as it is now.", userSchema),
      ...problems({ 400: "`INVALID_ACCOUNT`" }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/users/me",
    tags,
    summary: "Delete the caller's account with everything it owns",
    ...door(deps, "session", "optional-json"),
    request: { body: optionalJsonBody(deleteBody) },
    responses: {
      204: empty("The account is gone; what it owned follows within moments."),
      ...problems({
        401: "`INVALID_CREDENTIALS`",
        403: "`RECENT_LOGIN_REQUIRED`: without a password, log in again and delete within 10 minutes.",
        409: "`LAST_ADMIN`: somebody has to stay administrator.",
        429: "`TOO_MANY_ATTEMPTS`",
      }),
    },
  });
}
