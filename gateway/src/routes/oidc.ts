import { createRoute, z } from "@hono/zod-openapi";
import { AppError, invalidArgument, unauthenticated } from "@ocelli/chassis";
import { Status } from "nice-grpc";
import { authCallOptions, type GatewayContext } from "../context.ts";
import { putSessionCookies } from "../cookies.ts";
import { forgetBrowserSecret, readBrowserSecret, setBrowserSecret } from "../oidc-cookie.ts";
import { refuseHead } from "../refuse-head.ts";
import { toTokensView } from "../views/account.ts";
import { authorizationSchema, linkedSchema, oidcSchema, tokensSchema } from "../views/schemas-account.ts";
import { door, noStore, optionalJsonBody, problems } from "./account-route.ts";
import { localPath } from "./inputs.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const maxCallbackBytes = 4096;
const tags = ["oidc"];
const redirect = {
  description: "To the provider.",
  headers: z.object({ location: z.string() }),
};
const loginQuery = z.strictObject({
  returnTo: localPath
    .optional()
    .openapi({ description: "Path to come back to with session cookies; absent answers with tokens." }),
});
const linkBody = z.strictObject({ returnTo: localPath.optional() }).openapi("LinkOpenId");
// Providers add parameters of their own, and all of them go on as they came.
const callbackQuery = z.object({
  code: z.string().optional(),
  state: z.string().min(1),
  iss: z.string().optional(),
  error: z.string().optional(),
  error_description: z.string().optional(),
});
const notConfigured = {
  409: "`OIDC_NOT_CONFIGURED`",
  503: "`OIDC_PROVIDER_UNAVAILABLE`",
} as const;

/** Login through an OpenID Connect provider. */
export function oidcRoutes(deps: RouteDeps) {
  const { oidc } = deps.clients;
  const router = createRouter();

  router.openapi(getRoute(deps), async (c) => {
    const { enabled, providerName } = await oidc.getOidc({}, authCallOptions(c));
    return c.json({ enabled, providerName }, 200);
  });
  router.openapi(loginRoute(deps), async (c) => {
    const { returnTo = "" } = c.req.valid("query");
    return c.redirect(await begin(deps, c, returnTo), 303);
  });
  router.openapi(linkRoute(deps), async (c) => {
    const { returnTo = "" } = c.req.valid("json");
    return c.json({ authorizationUrl: await begin(deps, c, returnTo) }, 200, noStore);
  });
  router.openapi(callbackRoute(deps), (c) => finish(deps, c));
  return router;
}

/** Address of the provider's login page, for this browser only. */
async function begin({ clients }: RouteDeps, c: GatewayContext, returnTo: string): Promise<string> {
  const browserSecret = setBrowserSecret(c);
  const { authorizationUrl } = await clients.oidc.beginOidc({ browserSecret, returnTo }, authCallOptions(c));
  return authorizationUrl;
}

async function finish({ clients }: RouteDeps, c: GatewayContext) {
  const browserSecret = readBrowserSecret(c);
  if (browserSecret === undefined) {
    throw unauthenticated("INVALID_OIDC_STATE", "This browser began no login, or too long ago.");
  }
  const answer = await clients.oidc.finishOidc(
    { browserSecret, callbackQuery: rawQuery(c) },
    authCallOptions(c),
  );
  const { tokens, linked } = answer;
  const returnTo = checkedPath(answer.returnTo);
  const mayReturn = returnTo !== "" && c.get("cookiePolicy").mode !== "off";
  if (linked) return mayReturn ? c.redirect(returnTo, 303) : c.json({ linked: true as const }, 200, noStore);
  const view = toTokensView(tokens);
  if (!mayReturn) return c.json(view, 200, noStore);
  // Another site's page led here, rightly: the state and the browser's secret show that the login was begun here.
  putSessionCookies(c, view);
  return c.redirect(returnTo, 303);
}

/** What the provider sent, as it sent it: auth checks it as a whole. */
function rawQuery(c: GatewayContext): string {
  const query = new URL(c.req.url).search.slice(1);
  if (query.length <= maxCallbackBytes) return query;
  throw invalidArgument("INVALID_ARGUMENT", `The query must have at most ${maxCallbackBytes} bytes.`);
}

/** Auth has stored only what it checked; a redirect to elsewhere would hand our users to others, so it is checked again. */
function checkedPath(returnTo: string): string {
  if (returnTo === "" || localPath.safeParse(returnTo).success) return returnTo;
  throw new AppError({ code: Status.INTERNAL, reason: "UNSAFE_REDIRECT", message: "Unsafe redirect." });
}

function getRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/auth/oidc",
    tags,
    summary: "Is there an OpenID provider?",
    ...door(deps, "public"),
    responses: { 200: json("What a login page needs to know.", oidcSchema), ...problemResponse },
  });
}

function loginRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/auth/oidc/login",
    tags,
    summary: "Log in at the provider",
    description: "For browsers: sets a short-lived cookie without which nobody can finish this login.",
    ...door(deps, "public"),
    middleware: [...door(deps, "public").middleware, refuseHead()],
    request: { query: loginQuery },
    responses: { 303: redirect, ...problems(notConfigured) },
  });
}

function linkRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/auth/oidc/link",
    tags,
    summary: "Link an account of the provider to the caller's",
    description: "Send the browser to the address; the same cookie as for a login is set.",
    ...door(deps, "session", "optional-json"),
    request: { body: optionalJsonBody(linkBody) },
    responses: {
      200: json("Where to go.", authorizationSchema),
      ...problems({
        403: "`RECENT_LOGIN_REQUIRED`: log in again, then link within 10 minutes.",
        ...notConfigured,
      }),
    },
  });
}

function callbackRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/auth/oidc/callback",
    tags,
    summary: "Where the provider sends the browser back to",
    ...door(deps, "public"),
    middleware: [...door(deps, "public").middleware, refuseHead(), forgetBrowserSecret()],
    request: { query: callbackQuery },
    responses: {
      200: json("Without a path to come back to: the tokens.", z.union([tokensSchema, linkedSchema])),
      303: { ...redirect, description: "Back to where the login began, with session cookies." },
      ...problems({
        401: "`INVALID_OIDC_STATE`, `OIDC_REFUSED`",
        403: "`ACCOUNT_DISABLED`, `SIGN_UP_CLOSED`, `EMAIL_REQUIRED`, `EMAIL_NOT_VERIFIED`",
        409: "`EMAIL_TAKEN`, `IDENTITY_LINKED`, `TOO_MANY_IDENTITIES`",
        503: "`OIDC_PROVIDER_UNAVAILABLE`",
      }),
    },
  });
}
