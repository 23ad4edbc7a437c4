import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { limitJsonBody } from "../json-body.ts";
import { toTokensView, toUserView } from "../views/account.ts";
import { tokensSchema, userSchema } from "../views/schemas.ts";
import { bearer, createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const tags = ["auth"];
// Lengths only bound the input; the auth service judges addresses and passwords.
const password = z.string().max(1024);
const email = z.string().max(320);
const refreshBody = z.strictObject({ refreshToken: z.string().min(1).max(1024) });

function body<S extends z.ZodType>(schema: S) {
  return { body: { required: true, content: { "application/json": { schema } } } };
}

/** Sign-up, login, refresh, logout, and the calling user. */
export function authRoutes({ clients, config, authenticate }: RouteDeps) {
  const middleware = [limitJsonBody(config.maxJsonBytes)];
  const router = createRouter();

  router.openapi(
    createRoute({
      method: "post",
      path: "/auth/signup",
      tags,
      summary: "Create an account",
      middleware,
      request: body(z.strictObject({ email, password, name: z.string().max(1024) })),
      responses: { 201: json("The new account.", userSchema), ...problemResponse },
    }),
    async (c) => {
      const { user } = await clients.auth.signUp(c.req.valid("json"), callOptions(c));
      return c.json(toUserView(user), 201);
    },
  );

  router.openapi(
    createRoute({
      method: "post",
      path: "/auth/login",
      tags,
      summary: "Open a session",
      middleware,
      request: body(z.strictObject({ email, password })),
      responses: { 200: json("Tokens of the new session.", tokensSchema), ...problemResponse },
    }),
    async (c) => {
      const { tokens } = await clients.auth.login(c.req.valid("json"), callOptions(c));
      return c.json(toTokensView(tokens), 200, noStore);
    },
  );

  router.openapi(
    createRoute({
      method: "post",
      path: "/auth/refresh",
      tags,
      summary: "Exchange a refresh token",
      description: "A refresh token works once; using it again ends its session.",
      middleware,
      request: body(refreshBody),
      responses: { 200: json("Tokens that follow.", tokensSchema), ...problemResponse },
    }),
    async (c) => {
      const { tokens } = await clients.auth.refresh(c.req.valid("json"), callOptions(c));
      return c.json(toTokensView(tokens), 200, noStore);
    },
  );

  router.openapi(
    createRoute({
      method: "post",
      path: "/auth/logout",
      tags,
      summary: "End a session",
      middleware,
      request: body(refreshBody),
      responses: { 204: { description: "The session is over, if there was one." }, ...problemResponse },
    }),
    async (c) => {
      await clients.auth.logout(c.req.valid("json"), callOptions(c));
      return c.body(null, 204);
    },
  );

  router.openapi(
    createRoute({
      method: "get",
      path: "/users/me",
      tags: ["users"],
      summary: "The calling user",
      security: bearer,
      middleware: [authenticate],
      responses: { 200: json("The account of the token.", userSchema), ...problemResponse },
    }),
    async (c) => {
      const { user } = await clients.auth.getCurrentUser({}, callOptions(c));
      return c.json(toUserView(user), 200);
    },
  );

  return router;
}

const noStore = { "cache-control": "no-store" };

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())) }).openapi("Jwks");

/** The public keys that sign access tokens; mounted at the root and under the API's base. */
export function jwksRoutes({ clients }: RouteDeps) {
  const router = createRouter();
  router.openapi(
    createRoute({
      method: "get",
      path: "/.well-known/jwks.json",
      tags,
      summary: "Public keys of access tokens (RFC 7517)",
      responses: { 200: json("The key set.", jwksSchema), ...problemResponse },
    }),
    async (c) => {
      const { jwksJson } = await clients.auth.getJwks({}, callOptions(c));
      return c.json(jwksSchema.parse(JSON.parse(jwksJson)), 200, { "cache-control": "public, max-age=300" });
    },
  );
  return router;
}
