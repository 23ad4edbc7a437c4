import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { refuseGrants } from "../revoked-grants.ts";
import { toApiKeyView } from "../views/access.ts";
import { apiKeySchema, createdApiKeySchema } from "../views/schemas-access.ts";
import { door, empty, idParam, jsonBody, noStore, problems } from "./account-route.ts";
import { moment, scopeList, text } from "./inputs.ts";
import { createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

const createBody = z
  .strictObject({
    name: text(200).openapi({ description: "1 to 100 characters.", example: "backup script" }),
    scopes: scopeList,
    expiresAt: moment.nullish().openapi({ description: "In the future; absent for never." }),
  })
  .openapi("CreateApiKey");

const tags = ["api-keys"];

/** API keys of the caller. */
export function apiKeyRoutes(deps: RouteDeps) {
  const { apiKeys } = deps.clients;
  const router = createRouter({ reason: "API_KEY_NOT_FOUND", message: "There is no such API key." });

  router.openapi(createKeyRoute(deps), async (c) => {
    const { name, scopes, expiresAt } = c.req.valid("json");
    const answer = await apiKeys.createApiKey(
      { name, scopes, expiresAt: expiresAt ?? undefined },
      authCallOptions(c),
    );
    return c.json({ ...toApiKeyView(answer.apiKey), secret: answer.secret }, 201, noStore);
  });
  router.openapi(listRoute(deps), async (c) => {
    const page = await apiKeys.listApiKeys(c.req.valid("query"), authCallOptions(c));
    return c.json({ items: page.apiKeys.map(toApiKeyView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const apiKeyId = c.req.valid("param").id;
    await apiKeys.deleteApiKey({ apiKeyId }, authCallOptions(c));
    refuseGrants(deps, apiKeyId);
    return c.body(null, 204);
  });
  return router;
}

function createKeyRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/api-keys",
    tags,
    summary: "Make an API key",
    description: "Send it as `X-API-Key`. A key opens only what its scopes open and never manages keys.",
    ...door(deps, "session", "json"),
    request: { body: jsonBody(createBody) },
    responses: {
      201: json("The key with its secret, shown this once.", createdApiKeySchema),
      ...problems({
        400: "`INVALID_API_KEY_REQUEST`",
        403: "`SCOPE_NOT_HELD`: a scope that the caller does not have.",
        409: "`TOO_MANY_API_KEYS`",
      }),
    },
  });
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/api-keys",
    tags,
    summary: "List API keys, newest first",
    ...door(deps, "session"),
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(apiKeySchema)), ...problemResponse },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/api-keys/{id}",
    tags,
    summary: "Revoke an API key",
    description: "It is refused everywhere at once.",
    ...door(deps, "session"),
    request: { params: idParam("API key id.") },
    responses: { 204: empty("The key is revoked."), ...problems({ 404: "`API_KEY_NOT_FOUND`" }) },
  });
}
