import { createRoute, z } from "@hono/zod-openapi";
import { authCallOptions } from "../context.ts";
import { toServiceAccountView } from "../views/access.ts";
import { createdServiceAccountSchema, serviceAccountSchema } from "../views/schemas-access.ts";
import { door, empty, idParam, jsonBody, noStore, problems } from "./account-route.ts";
import { id, scopeList } from "./inputs.ts";
import { createRouter, json, listOf, pageQuery, problemResponse, type RouteDeps } from "./shared.ts";

const createBody = z
  .strictObject({
    name: z
      .string()
      .max(40)
      .regex(/^[a-z][a-z0-9-]*$/, "must be lower-case letters, digits and hyphens, a letter first")
      .openapi({ example: "photo-frame" }),
    scopes: scopeList,
    userId: id.nullish().openapi({ description: "The one user it may act for; absent for any." }),
  })
  .openapi("CreateServiceAccount");

const tags = ["service-accounts"];

/** Accounts of programs that call over gRPC. */
export function serviceAccountRoutes(deps: RouteDeps) {
  const { serviceAccounts } = deps.clients;
  const router = createRouter({
    reason: "SERVICE_ACCOUNT_NOT_FOUND",
    message: "There is no such service account.",
  });

  router.openapi(createAccountRoute(deps), async (c) => {
    const { name, scopes, userId } = c.req.valid("json");
    const answer = await serviceAccounts.createServiceAccount(
      { name, scopes, userId: userId ?? "" },
      authCallOptions(c),
    );
    const view = toServiceAccountView(answer.serviceAccount);
    return c.json({ ...view, secret: answer.secret }, 201, noStore);
  });
  router.openapi(listRoute(deps), async (c) => {
    const page = await serviceAccounts.listServiceAccounts(c.req.valid("query"), authCallOptions(c));
    const items = page.serviceAccounts.map(toServiceAccountView);
    return c.json({ items, nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    const serviceAccountId = c.req.valid("param").id;
    await serviceAccounts.deleteServiceAccount({ serviceAccountId }, authCallOptions(c));
    return c.body(null, 204);
  });
  return router;
}

function createAccountRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/service-accounts",
    tags,
    summary: "Make a service account",
    description:
      "Its credentials buy access tokens at `AuthService.IssueServiceToken` over gRPC. Needs a login.",
    ...door(deps, ["session", "admin"], "json"),
    request: { body: jsonBody(createBody) },
    responses: {
      201: json("The account with its secret, shown this once.", createdServiceAccountSchema),
      ...problems({
        400: "`INVALID_SERVICE_ACCOUNT`",
        403: "`SESSION_REQUIRED`, `SCOPE_REQUIRED`, `SCOPE_NOT_HELD`",
        409: "`SERVICE_ACCOUNT_EXISTS`, `TOO_MANY_SERVICE_ACCOUNTS`",
      }),
    },
  });
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/service-accounts",
    tags,
    summary: "List service accounts by name",
    ...door(deps, "admin"),
    request: { query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(serviceAccountSchema)), ...problemResponse },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/service-accounts/{id}",
    tags,
    summary: "Revoke a service account",
    description: "Its tokens are refused everywhere at once.",
    ...door(deps, "admin"),
    request: { params: idParam("Service account id.") },
    responses: {
      204: empty("The account is revoked."),
      ...problems({ 403: "`SCOPE_REQUIRED`", 404: "`SERVICE_ACCOUNT_NOT_FOUND`" }),
    },
  });
}
