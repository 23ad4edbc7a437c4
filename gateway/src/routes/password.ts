import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { door, empty, jsonBody, problems } from "./account-route.ts";
import { email, newPassword, opaqueToken, password } from "./inputs.ts";
import { createRouter, type RouteDeps } from "./shared.ts";

const forgotBody = z.strictObject({ email }).openapi("ForgotPassword");
const resetBody = z.strictObject({ token: opaqueToken, newPassword }).openapi("ResetPassword");
const changeBody = z
  .strictObject({
    currentPassword: password,
    newPassword,
  })
  .openapi("ChangePassword");

const tags = ["auth"];

/** Forgot, reset and change. */
export function passwordRoutes(deps: RouteDeps) {
  const { auth } = deps.clients;
  const router = createRouter();

  router.openapi(forgotRoute(deps), async (c) => {
    await auth.requestPasswordReset(c.req.valid("json"), authCallOptions(c));
    return c.body(null, 202);
  });
  router.openapi(resetRoute(deps), async (c) => {
    await auth.resetPassword(c.req.valid("json"), authCallOptions(c));
    return c.body(null, 204);
  });
  router.openapi(changeRoute(deps), async (c) => {
    const { sessionIds } = await auth.changePassword(c.req.valid("json"), authCallOptions(c));
    refuseGrants(deps, ...sessionIds);
    return c.body(null, 204);
  });
  return router;
}

function forgotRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/password/forgot",
    tags,
    summary: "Send a link that resets a password",
    description: "Answers alike whether the address has an account or not.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(forgotBody) },
    responses: {
      202: empty("If there is such an account, the link is on its way."),
      ...problems({ 400: "`INVALID_ACCOUNT`: this is no address.", 429: "`TOO_MANY_ATTEMPTS`" }),
    },
  });
}

function resetRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/password/reset",
    tags,
    summary: "Set a new password with the token of a link",
    description: "The token works once, for 30 minutes. Ends every session of the account.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(resetBody) },
    responses: {
      204: empty("The password is set."),
      ...problems({
        400: "`INVALID_PASSWORD`",
        401: "`INVALID_RESET_TOKEN`: unknown, used or too old.",
        429: "`TOO_MANY_ATTEMPTS`, `TOO_MANY_LOGINS`",
      }),
    },
  });
}

function changeRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/password/change",
    tags,
    summary: "Change the caller's password",
    description: "Ends every other session. An account without a password gets one through a reset.",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(changeBody) },
    responses: {
      204: empty("The password is changed."),
      ...problems({
        400: "`INVALID_PASSWORD`",
        401: "`INVALID_CREDENTIALS`: the current password is wrong.",
        429: "`TOO_MANY_ATTEMPTS`, `TOO_MANY_LOGINS`",
      }),
    },
  });
}
