import { createRoute } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import { jwksSchema, parseJwks } from "../jwks.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

/** The public keys that sign access tokens; mounted at the root and under the API's base. */
export function jwksRoutes({ clients }: RouteDeps) {
  const router = createRouter();
  router.openapi(
    createRoute({
      method: "get",
      path: "/.well-known/jwks.json",
      tags: ["auth"],
      summary: "Public keys of access tokens (RFC 7517)",
      responses: { 200: json("The key set.", jwksSchema), ...problemResponse },
    }),
    async (c) => {
      const { jwksJson } = await clients.auth.getJwks({}, callOptions(c));
      return c.json(parseJwks(jwksJson), 200, { "cache-control": "public, max-age=300" });
    },
  );
  return router;
}
