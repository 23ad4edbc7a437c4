import { createRoute, z } from "@hono/zod-openapi";
import { unauthenticated } from "@ocelli/chassis";
import { readAccessCookie } from "../cookies.ts";
import { csrfTokenOf, requireOwnSite } from "../csrf.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const csrfSchema = z.object({ csrfToken: z.string() }).openapi("CsrfToken");

/** The CSRF token of a page that was just loaded, or whose session another tab has refreshed. */
export function csrfRoutes({ requireSession }: RouteDeps) {
  const router = createRouter();
  router.openapi(
    createRoute({
      method: "get",
      path: "/auth/csrf",
      tags: ["auth"],
      summary: "The CSRF token of the session cookie",
      description:
        "For pages with session cookies: send it as `X-CSRF-Token` with whatever changes something.",
      security: [{ cookie: [] }],
      middleware: [requireSession()],
      responses: { 200: json("The token; it changes with each refresh.", csrfSchema), ...problemResponse },
    }),
    (c) => {
      requireOwnSite(c);
      const cookie = readAccessCookie(c);
      if (cookie === undefined) throw unauthenticated("UNAUTHENTICATED", "A session cookie is required.");
      return c.json({ csrfToken: csrfTokenOf(cookie) }, 200);
    },
  );
  return router;
}
