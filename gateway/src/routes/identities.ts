import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { toIdentityView } from "../views/account.ts";
import { identitySchema } from "../views/schemas-account.ts";
import { door, empty, noStore, optionalJsonBody, problems } from "./account-route.ts";
import { password } from "./inputs.ts";
import { createRouter, json, problemResponse, type RouteDeps } from "./shared.ts";

const tags = ["oidc"];
const unlinkBody = z
  .strictObject({
    password: password
      .default("")
      .openapi({ description: "Absent asks for a login of the last 10 minutes instead." }),
  })
  .openapi("UnlinkIdentity");
const identityParam = z.strictObject({
  id: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}$/)
    .openapi({ param: { name: "id", in: "path" }, description: "Id of the linked login." }),
});

/** The provider's accounts that log in to the caller's. */
export function identityRoutes(deps: RouteDeps) {
  const { oidc } = deps.clients;
  const router = createRouter({ reason: "IDENTITY_NOT_FOUND", message: "There is no such linked login." });

  router.openapi(listRoute(deps), async (c) => {
    const { identities } = await oidc.listIdentities({}, authCallOptions(c));
    return c.json({ items: identities.map(toIdentityView) }, 200, noStore);
  });
  router.openapi(unlinkRoute(deps), async (c) => {
    const { password: given = "" } = c.req.valid("json");
    const request = { identityId: c.req.valid("param").id, password: given };
    const { sessionIds } = await oidc.unlinkIdentity(request, authCallOptions(c));
    refuseGrants(deps, ...sessionIds);
    return c.body(null, 204);
  });
  return router;
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/auth/identities",
    tags,
    summary: "List accounts of the provider that log in to the caller's",
    description: "All of them, the oldest link first; an account has at most 20.",
    ...door(deps, "session"),
    responses: {
      200: json("All of them.", z.object({ items: z.array(identitySchema) })),
      ...problemResponse,
    },
  });
}

function unlinkRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/auth/identities/{id}",
    tags,
    summary: "Take an account of the provider off the caller's",
    description: "Ends every session but the one that asks.",
    ...door(deps, "session", "optional-json"),
    request: { params: identityParam, body: optionalJsonBody(unlinkBody) },
    responses: {
      204: empty("It does not log in any more."),
      ...problems({
        401: "`INVALID_CREDENTIALS`",
        403: "`RECENT_LOGIN_REQUIRED`: give the password, or log in again and unlink within 10 minutes.",
        404: "`IDENTITY_NOT_FOUND`",
        409: "`LAST_LOGIN_METHOD`: nothing else logs in to the account; choose a password first.",
        429: "`TOO_MANY_ATTEMPTS`",
      }),
    },
  });
}
