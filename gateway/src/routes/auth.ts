import { createRoute, z } from "@hono/zod-openapi";
import { unauthenticated } from "@ocelli/chassis";
import type { authV1 } from "@ocelli/contracts";
import { authCallOptions, type GatewayContext } from "../context.ts";
import {
  admitSessionCookies,
  clearSessionCookies,
  readRefreshCookie,
  setSessionCookies,
} from "../cookies.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { toTokensView, toUserView } from "../views/account.ts";
import { cookieSessionSchema, tokensSchema, userSchema } from "../views/schemas-account.ts";
import { door, empty, jsonBody, noStore, problems } from "./account-route.ts";
import { code, email, name, newPassword, opaqueToken, password } from "./inputs.ts";
import { createRouter, json, type RouteDeps } from "./shared.ts";

const cookies = z.boolean().openapi({ description: "Keep the tokens in HttpOnly cookies; for browsers." });
const signUpBody = z.strictObject({ email, password: newPassword, name }).openapi("SignUp");
const loginBody = z
  .strictObject({
    email,
    password,
    code: code.optional(),
    cookies: cookies.default(false),
  })
  .openapi("Login");
const refreshBody = z
  .strictObject({ refreshToken: opaqueToken.optional(), cookies: cookies.default(false) })
  .refine((body) => body.cookies !== (body.refreshToken !== undefined), {
    path: ["refreshToken"],
    message: "is needed unless cookies is true",
  })
  .openapi("Refresh");

const tags = ["auth"];
const session = json(
  "Tokens, or what a client with cookies is told instead.",
  z.union([tokensSchema, cookieSessionSchema]),
);

/** Sign-up, login, refresh and logout. */
export function authRoutes(deps: RouteDeps) {
  const { auth } = deps.clients;
  const router = createRouter();

  router.openapi(signUpRoute(deps), async (c) => {
    const { user } = await auth.signUp(c.req.valid("json"), authCallOptions(c));
    return c.json(toUserView(user), 201, noStore);
  });
  router.openapi(loginRoute(deps), async (c) => {
    const { cookies: wantsCookies, code: given = "", ...credentials } = c.req.valid("json");
    if (wantsCookies) admitSessionCookies(c);
    const { tokens } = await auth.login({ ...credentials, code: given }, authCallOptions(c));
    return c.json(handOver(c, tokens, wantsCookies), 200, noStore);
  });
  router.openapi(refreshRoute(deps), async (c) => {
    const body = c.req.valid("json");
    const refreshToken = body.refreshToken ?? readRefreshCookie(c);
    if (refreshToken === undefined) {
      throw unauthenticated("INVALID_REFRESH_TOKEN", "The request carries no session cookie.");
    }
    const { tokens } = await auth.refresh({ refreshToken }, authCallOptions(c));
    return c.json(handOver(c, tokens, body.cookies), 200, noStore);
  });
  router.openapi(logoutRoute(deps), async (c) => {
    const body = c.req.valid("json");
    const refreshToken = body.refreshToken ?? readRefreshCookie(c);
    if (refreshToken !== undefined) {
      const { sessionId } = await auth.logout({ refreshToken }, authCallOptions(c));
      refuseGrants(deps, sessionId);
    }
    if (body.cookies) clearSessionCookies(c);
    return c.body(null, 204);
  });
  return router;
}

/** Tokens go into cookies or into the body, never both: scripts must not see what cookies hold. */
function handOver(c: GatewayContext, tokens: authV1.TokenPair | undefined, inCookies: boolean) {
  const view = toTokensView(tokens);
  return inCookies ? setSessionCookies(c, view) : view;
}

function signUpRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/signup",
    tags,
    summary: "Create an account",
    description: "The first account becomes the administrator's. A link to confirm the address is sent.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(signUpBody) },
    responses: {
      201: json("The new account.", userSchema),
      ...problems({
        400: "`INVALID_ACCOUNT`, with the fields at fault",
        403: "`SIGN_UP_CLOSED`",
        409: "`EMAIL_TAKEN`",
        429: "`TOO_MANY_ATTEMPTS`, `TOO_MANY_LOGINS`",
      }),
    },
  });
}

function loginRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/login",
    tags,
    summary: "Open a session",
    description: "Unknown addresses and wrong passwords are answered alike, and after the same time.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(loginBody) },
    responses: {
      200: session,
      ...problems({
        401: "`INVALID_CREDENTIALS`; with the right password also `TWO_FACTOR_REQUIRED`, `INVALID_CODE`",
        403: "`ACCOUNT_DISABLED`, `EMAIL_NOT_VERIFIED`",
        429: "`TOO_MANY_ATTEMPTS`, `TOO_MANY_LOGINS`",
      }),
    },
  });
}

function refreshRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/refresh",
    tags,
    summary: "Exchange a refresh token",
    description:
      "Each refresh token works once; the answer may be asked for again for 20 seconds. " +
      "Any later use ends the session. With `cookies` the token is taken from its cookie.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(refreshBody) },
    responses: { 200: session, ...problems({ 401: "`INVALID_REFRESH_TOKEN`", 403: "`CROSS_SITE_REQUEST`" }) },
  });
}

function logoutRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/logout",
    tags,
    summary: "End a session",
    description: "Its access token is refused everywhere at once. Unknown tokens are answered alike.",
    ...door(deps, "public", "json"),
    request: { body: jsonBody(refreshBody) },
    responses: {
      204: empty("The session is over, if there was one."),
      ...problems({ 403: "`CROSS_SITE_REQUEST`" }),
    },
  });
}
