import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { toUserView } from "../views/account.ts";
import { revokedSessionsSchema, userSchema } from "../views/schemas-account.ts";
import { door, empty, idParam, jsonBody, noStore, problems } from "./account-route.ts";
import { email, name, newPassword, role, text } from "./inputs.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const createBody = z
  .strictObject({
    email,
    name,
    password: newPassword
      .optional()
      .openapi({ description: "Absent sends a link with which the user chooses one." }),
    role: role.default("user"),
  })
  .openapi("CreateUser");
const updateBody = z
  .strictObject({
    name: name.optional(),
    role: role.optional().openapi({ description: "For administrators." }),
    disabled: z
      .boolean()
      .optional()
      .openapi({ description: "For administrators. A disabled account's sessions and keys end at once." }),
  })
  .refine((body) => Object.keys(body).length > 0, "must change something")
  .openapi("UpdateUser");

const tags = ["users"];

/** Accounts as administrators manage them; owners may read and rename their own here too. */
export function userRoutes(deps: RouteDeps) {
  const { users } = deps.clients;
  const router = createRouter({ reason: "USER_NOT_FOUND", message: "There is no such user." });

  router.openapi(listRoute(deps), async (c) => {
    const { query = "", ...page } = c.req.valid("query");
    const answer = await users.listUsers({ ...page, query }, authCallOptions(c));
    return c.json({ items: answer.users.map(toUserView), nextPageToken: answer.nextPageToken }, 200);
  });
  router.openapi(createUserRoute(deps), async (c) => {
    const { password = "", ...rest } = c.req.valid("json");
    const { user } = await users.createUser({ ...rest, password }, authCallOptions(c));
    const view = toUserView(user);
    return c.json(view, 201, { ...noStore, location: `/api/v1/users/${view.id}` });
  });
  router.openapi(getRoute(deps), async (c) => {
    const { user } = await users.getUser({ userId: c.req.valid("param").id }, authCallOptions(c));
    return c.json(toUserView(user), 200);
  });
  router.openapi(updateRoute(deps), async (c) => {
    const changes = c.req.valid("json");
    const { name: newName = "", role: newRole = "", disabled = false } = changes;
    const { user } = await users.updateUser(
      {
        userId: c.req.valid("param").id,
        name: newName,
        role: newRole,
        disabled,
        updateMask: Object.keys(changes),
      },
      authCallOptions(c),
    );
    return c.json(toUserView(user), 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    // Without a password: administrators delete others here, owners their own account at /users/me.
    await users.deleteUser({ userId: c.req.valid("param").id, password: "" }, authCallOptions(c));
    return c.body(null, 204);
  });
  router.openapi(endSessionsRoute(deps), async (c) => {
    const { sessionIds } = await users.endUserSessions(
      { userId: c.req.valid("param").id },
      authCallOptions(c),
    );
    refuseGrants(deps, ...sessionIds);
    return c.json({ revoked: sessionIds.length }, 200);
  });
  return router;
}

function listRoute(deps: RouteDeps) {
  const query = text(100).optional().openapi({
    description: "Only accounts whose address or name contains this, case ignored.",
  });
  return createRoute({
    method: "get",
    path: "/users",
    tags,
    summary: "List accounts, oldest first",
    description: "For administrators.",
    ...door(deps, "admin"),
    request: { query: z.strictObject({ query, ...pageQuery }) },
    responses: { 200: json("One page.", listOf(userSchema)), ...problems({ 403: "`SCOPE_REQUIRED`" }) },
  });
}

function createUserRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/users",
    tags,
    summary: "Create an account for somebody",
    description: "For administrators.",
    ...door(deps, "admin", "json"),
    request: { body: jsonBody(createBody) },
    responses: {
      201: json("The new account; `Location` names it.", userSchema),
      ...problems({
        400: "`INVALID_ACCOUNT`, with the fields at fault",
        403: "`SCOPE_REQUIRED`; `SESSION_REQUIRED`: an API key makes no administrators.",
        409: "`EMAIL_TAKEN`",
      }),
    },
  });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/users/{id}",
    tags,
    summary: "One account: the caller's own, or any for an administrator",
    ...door(deps, "profile"),
    request: { params: idParam("User id.") },
    responses: { 200: json("The account.", userSchema), ...problems({ 404: "`USER_NOT_FOUND`" }) },
  });
}

function updateRoute(deps: RouteDeps) {
  return createRoute({
    method: "patch",
    path: "/users/{id}",
    tags,
    summary: "Change an account",
    description: "Owners may change their name, administrators everything; fields left out stay.",
    ...door(deps, "profile", "json"),
    request: { params: idParam("User id."), body: jsonBody(updateBody) },
    responses: {
      200: json("The account as it is now.", userSchema),
      ...problems({
        400: "`INVALID_ACCOUNT`",
        403: "`ADMIN_REQUIRED`; `SESSION_REQUIRED`: an API key makes no administrators.",
        404: "`USER_NOT_FOUND`",
        409: "`LAST_ADMIN`: somebody has to stay administrator.",
      }),
    },
  });
}

function endSessionsRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/users/{id}/sessions",
    tags,
    summary: "End every session of an account",
    description: "For administrators. The account stays open, and its API keys work on.",
    ...door(deps, "admin"),
    request: { params: idParam("User id.") },
    responses: {
      200: json("How many ended.", revokedSessionsSchema),
      ...problems({ 403: "`SCOPE_REQUIRED`, `ADMIN_REQUIRED`", 404: "`USER_NOT_FOUND`" }),
    },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/users/{id}",
    tags,
    summary: "Delete somebody's account with everything it owns",
    description: "For administrators; needs a login. One's own account is deleted at `/users/me`.",
    ...door(deps, "session"),
    request: { params: idParam("User id.") },
    responses: {
      204: empty("The account is gone; what it owned follows within moments."),
      ...problems({
        401: "`INVALID_CREDENTIALS`: one's own account needs the password.",
        404: "`USER_NOT_FOUND`",
        409: "`LAST_ADMIN`",
      }),
    },
  });
}
