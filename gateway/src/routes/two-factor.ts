import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { enrolmentSchema, recoveryCodesSchema, twoFactorSchema } from "../views/schemas-account.ts";
import { door, empty, jsonBody, noStore, problems } from "./account-route.ts";
import { code, password } from "./inputs.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const beginBody = z.strictObject({ password }).openapi("BeginTwoFactor");
const confirmBody = z.strictObject({ code }).openapi("ConfirmTwoFactor");
const proofBody = z.strictObject({ password, code }).openapi("TwoFactorProof");

const tags = ["two-factor"];
const recentLogin = "`RECENT_LOGIN_REQUIRED`: without a password, log in again and try within 10 minutes.";
const wrongProof = {
  401: "`INVALID_CREDENTIALS`, `INVALID_CODE`",
  403: recentLogin,
  409: "`TWO_FACTOR_NOT_ENABLED`",
  429: "`TOO_MANY_ATTEMPTS`",
} as const;

/** Time-based codes (RFC 6238) and recovery codes. */
export function twoFactorRoutes(deps: RouteDeps) {
  const { twoFactor } = deps.clients;
  const router = createRouter();

  router.openapi(getRoute(deps), async (c) => {
    const { enabled, recoveryCodesLeft } = await twoFactor.getTwoFactor({}, authCallOptions(c));
    return c.json({ enabled, recoveryCodesLeft }, 200);
  });
  router.openapi(beginRoute(deps), async (c) => {
    const { secret, otpauthUri } = await twoFactor.beginTwoFactor(c.req.valid("json"), authCallOptions(c));
    return c.json({ secret, otpauthUri }, 200, noStore);
  });
  router.openapi(confirmRoute(deps), async (c) => {
    const { recoveryCodes } = await twoFactor.confirmTwoFactor(c.req.valid("json"), authCallOptions(c));
    return c.json({ recoveryCodes }, 200, noStore);
  });
  router.openapi(disableRoute(deps), async (c) => {
    await twoFactor.disableTwoFactor(c.req.valid("json"), authCallOptions(c));
    return c.body(null, 204);
  });
  router.openapi(replaceRoute(deps), async (c) => {
    const { recoveryCodes } = await twoFactor.replaceRecoveryCodes(c.req.valid("json"), authCallOptions(c));
    return c.json({ recoveryCodes }, 200, noStore);
  });
  return router;
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/auth/two-factor",
    tags,
    summary: "Is the second factor on?",
    ...door(deps, "session"),
    responses: { 200: json("State of the second factor.", twoFactorSchema), ...problemResponse },
  });
}

function beginRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/two-factor",
    tags,
    summary: "Begin to turn the second factor on",
    description: "Nothing changes until a first code confirms it. Beginning again replaces the secret.",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(beginBody) },
    responses: {
      200: json("What the authenticator app needs.", enrolmentSchema),
      ...problems({
        401: "`INVALID_CREDENTIALS`",
        403: recentLogin,
        409: "`TWO_FACTOR_ALREADY_ENABLED`",
        429: "`TOO_MANY_ATTEMPTS`",
      }),
    },
  });
}

function confirmRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/two-factor/confirm",
    tags,
    summary: "Turn the second factor on with a first code",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(confirmBody) },
    responses: {
      200: json("It is on; keep these.", recoveryCodesSchema),
      ...problems({ 401: "`INVALID_CODE`", 409: "`NO_ENROLMENT`", 429: "`TOO_MANY_ATTEMPTS`" }),
    },
  });
}

function disableRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/two-factor/disable",
    tags,
    summary: "Turn the second factor off",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(proofBody) },
    responses: { 204: empty("It is off."), ...problems(wrongProof) },
  });
}

function replaceRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/two-factor/recovery-codes",
    tags,
    summary: "Replace all recovery codes",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(proofBody) },
    responses: {
      200: json("The new codes; the old ones are worthless.", recoveryCodesSchema),
      ...problems(wrongProof),
    },
  });
}
