import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { door, empty, jsonBody, problems } from "./account-route.ts";
import { email, opaqueToken, password } from "./inputs.ts";
import { createRouter, type RouteDeps } from "./shared.ts";

const verifyBody = z.strictObject({ token: opaqueToken }).openapi("VerifyEmail");
const changeBody = z.strictObject({ newEmail: email, password }).openapi("ChangeEmail");

const tags = ["auth"];

/** Confirming an address and asking for another. */
export function emailRoutes(deps: RouteDeps) {
  const { auth } = deps.clients;
  const router = createRouter();

  router.openapi(verifyRoute(deps), async (c) => {
    await auth.verifyEmail(c.req.valid("json"), authCallOptions(c));
    return c.body(null, 204);
  });
  router.openapi(sendRoute(deps), async (c) => {
    await auth.requestEmailVerification({}, authCallOptions(c));
    return c.body(null, 202);
  });
  router.openapi(changeRoute(deps), async (c) => {
    await auth.changeEmail(c.req.valid("json"), authCallOptions(c));
    return c.body(null, 202);
  });
  return router;
}

function verifyRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/email/verify",
    tags,
    summary: "Confirm an address with the token of a link",
    description: "A change of address that waited for this takes effect. The token works once.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(verifyBody) },
    responses: {
      204: empty("The address is confirmed."),
      ...problems({
        401: "`INVALID_VERIFICATION_TOKEN`: unknown, used or too old.",
        409: "`EMAIL_TAKEN`: another account got the address meanwhile.",
        429: "`TOO_MANY_ATTEMPTS`",
      }),
    },
  });
}

function sendRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/email/verification",
    tags,
    summary: "Send the verification link again",
    ...door(deps, "session"),
    responses: {
      202: empty("The link is on its way."),
      ...problems({ 409: "`EMAIL_ALREADY_VERIFIED`", 429: "`TOO_MANY_ATTEMPTS`" }),
    },
  });
}

function changeRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/email/change",
    tags,
    summary: "Ask for another address",
    description: "Takes effect once the link sent there is followed; the old address is told.",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(changeBody) },
    responses: {
      202: empty("The link is on its way."),
      ...problems({
        400: "`INVALID_ACCOUNT`: this is no address.",
        401: "`INVALID_CREDENTIALS`",
        409: "`EMAIL_TAKEN`",
        429: "`TOO_MANY_ATTEMPTS`, `TOO_MANY_LOGINS`",
      }),
    },
  });
}
