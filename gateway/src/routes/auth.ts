import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { limitJsonBody } from "../json-body.ts";
import { toTokensView, toUserView } from "../views/account.ts";
import { tokensSchema, userSchema } from "../views/schemas.ts";
import { bearer, createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

// Lengths only bound the input; the auth service judges addresses and passwords.
const password = z.string().max(1024);
const email = z.string().max(320);
const signUpBody = z.strictObject({ email, password, name: z.string().max(1024) }).openapi("SignUp");
const loginBody = z.strictObject({ email, password }).openapi("Login");
const refreshBody = z.strictObject({ refreshToken: z.string().min(1).max(1024) }).openapi("Refresh");

const created = { 201: json("The new account.", userSchema), ...problemResponse };
const issued = { 200: json("Tokens of the session.", tokensSchema), ...problemResponse };
const ended = { 204: { description: "The session is over, if there was one." }, ...problemResponse };
const noStore = { "cache-control": "no-store" };

/** Sign-up, login, refresh, logout, and the calling user. */
export function authRoutes(deps: RouteDeps) {
  const { auth } = deps.clients;
  const router = createRouter();

  router.openapi(jsonRoute(deps, "/auth/signup", "Create an account", signUpBody, created), async (c) => {
    const { user } = await auth.signUp(c.req.valid("json"), callOptions(c));
    return c.json(toUserView(user), 201);
  });
  router.openapi(jsonRoute(deps, "/auth/login", "Open a session", loginBody, issued), async (c) => {
    const { tokens } = await auth.login(c.req.valid("json"), callOptions(c));
    return c.json(toTokensView(tokens), 200, noStore);
  });
  router.openapi(
    jsonRoute(deps, "/auth/refresh", "Exchange a refresh token", refreshBody, issued),
    async (c) => {
      const { tokens } = await auth.refresh(c.req.valid("json"), callOptions(c));
      return c.json(toTokensView(tokens), 200, noStore);
    },
  );
  router.openapi(jsonRoute(deps, "/auth/logout", "End a session", refreshBody, ended), async (c) => {
    await auth.logout(c.req.valid("json"), callOptions(c));
    return c.body(null, 204);
  });
  router.openapi(currentUserRoute(deps), async (c) => {
    const { user } = await auth.getCurrentUser({}, callOptions(c));
    return c.json(toUserView(user), 200);
  });
  return router;
}

function jsonRoute<
  P extends string,
  S extends z.ZodType,
  R extends Parameters<typeof createRoute>[0]["responses"],
>({ config }: RouteDeps, path: P, summary: string, schema: S, responses: R) {
  return createRoute({
    method: "post",
    path,
    tags: ["auth"],
    summary,
    middleware: [limitJsonBody(config.maxJsonBytes)],
    request: { body: { required: true, content: { "application/json": { schema } } } },
    responses,
  });
}

function currentUserRoute({ authenticate }: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/users/me",
    tags: ["users"],
    summary: "The calling user",
    security: bearer,
    middleware: [authenticate],
    responses: { 200: json("The account of the token.", userSchema), ...problemResponse },
  });
}
