import { createRoute, z } from "@hono/zod-openapi";
import { callOptions } from "../context.ts";
import {
  createdWebhookSchema,
  deliverySchema,
  testOutcomeSchema,
  toDeliveryView,
  toWebhookView,
  webhookSchema,
} from "../views/webhooks.ts";
import { door, empty, idParam, jsonBody, noStore, problems } from "./account-route.ts";
import { createRouter, json, listOf, pageQuery, type RouteDeps } from "./shared.ts";

const tags = ["webhooks"];
const unknown = { 404: "`WEBHOOK_NOT_FOUND`" };
const id = idParam("Webhook id.");
const deliveryId = z
  .uuid()
  .toLowerCase()
  .openapi({ param: { name: "deliveryId", in: "path" }, description: "Delivery id." });
const createBody = z
  .strictObject({
    url: z.string().min(1).max(2000).openapi({
      description: "https address that is reachable from the internet, on port 443, 80, 8443 or 8080.",
      example: "https://example.org/hooks/ocelli",
    }),
    types: z
      .array(z.string().max(200))
      .max(20)
      .default([])
      .openapi({
        description: "Types to send; one that ends in a dot stands for all that begin so; none for all.",
        example: ["photo.ready", "job."],
      }),
  })
  .openapi("CreateWebhook");
// A receiver has ten seconds.
const testDeadlineMs = 15_000;

/** Webhooks of the caller. */
export function webhookRoutes(deps: RouteDeps) {
  const { webhooks } = deps.clients;
  const router = createRouter({ reason: "WEBHOOK_NOT_FOUND", message: "There is no such webhook." });

  router.openapi(createWebhookRoute(deps), async (c) => {
    const answer = await webhooks.createWebhook(c.req.valid("json"), callOptions(c));
    return c.json({ ...toWebhookView(answer.webhook), secret: answer.secret }, 201, noStore);
  });
  router.openapi(listRoute(deps), async (c) => {
    const answer = await webhooks.listWebhooks({}, callOptions(c));
    return c.json({ items: answer.webhooks.map(toWebhookView), nextPageToken: "" }, 200);
  });
  router.openapi(deleteRoute(deps), async (c) => {
    await webhooks.deleteWebhook({ webhookId: c.req.valid("param").id }, callOptions(c));
    return c.body(null, 204);
  });
  router.openapi(testRoute(deps), async (c) => {
    const request = { webhookId: c.req.valid("param").id };
    const { delivered, httpStatus, error } = await webhooks.testWebhook(
      request,
      callOptions(c, testDeadlineMs),
    );
    return c.json({ delivered, httpStatus: httpStatus || null, error: error || null }, 200);
  });
  router.openapi(deliveriesRoute(deps), async (c) => {
    const request = { webhookId: c.req.valid("param").id, ...c.req.valid("query") };
    const page = await webhooks.listWebhookDeliveries(request, callOptions(c));
    return c.json({ items: page.deliveries.map(toDeliveryView), nextPageToken: page.nextPageToken }, 200);
  });
  router.openapi(retryRoute(deps), async (c) => {
    const params = c.req.valid("param");
    const request = { webhookId: params.id, deliveryId: params.deliveryId };
    await webhooks.retryWebhookDelivery(request, callOptions(c));
    return c.body(null, 202);
  });
  return router;
}

function createWebhookRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/webhooks",
    tags,
    summary: "Make a webhook",
    description:
      "Entries of `/events` from now on are posted to the address as JSON, signed as https://www.standardwebhooks.com " +
      "has it: `webhook-id`, `webhook-timestamp`, `webhook-signature`. An answer 2xx within 10 seconds takes a delivery; " +
      "otherwise it is sent again, 10 times over two days. 50 deliveries given up in a row disable the webhook, and so " +
      "does an answer 410; a test that arrives enables it again.",
    ...door(deps, "photos:write", "json"),
    request: { body: jsonBody(createBody) },
    responses: {
      201: json("The webhook with its signing secret, shown this once.", createdWebhookSchema),
      ...problems({ 400: "`INVALID_WEBHOOK`", 409: "`TOO_MANY_WEBHOOKS`" }),
    },
  });
}

function listRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/webhooks",
    tags,
    summary: "List webhooks, newest first",
    ...door(deps, "photos:read"),
    responses: { 200: json("All of them.", listOf(webhookSchema)), ...problems({}) },
  });
}

function deleteRoute(deps: RouteDeps) {
  return createRoute({
    method: "delete",
    path: "/webhooks/{id}",
    tags,
    summary: "Delete a webhook",
    description: "What waits for it is not sent any more.",
    ...door(deps, "photos:write"),
    request: { params: id },
    responses: { 204: empty("The webhook is gone."), ...problems(unknown) },
  });
}

function testRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/webhooks/{id}/test",
    tags,
    summary: "Send a test message now",
    description: "Its type is `webhook.test`. One that arrives enables a webhook that was disabled.",
    ...door(deps, "photos:write"),
    request: { params: id },
    responses: { 200: json("How it went.", testOutcomeSchema), ...problems(unknown) },
  });
}

function deliveriesRoute(deps: RouteDeps) {
  return createRoute({
    method: "get",
    path: "/webhooks/{id}/deliveries",
    tags,
    summary: "List deliveries, newest first",
    ...door(deps, "photos:read"),
    request: { params: id, query: z.strictObject(pageQuery) },
    responses: { 200: json("One page.", listOf(deliverySchema)), ...problems(unknown) },
  });
}

function retryRoute(deps: RouteDeps) {
  return createRoute({
    method: "post",
    path: "/webhooks/{id}/deliveries/{deliveryId}/retry",
    tags,
    summary: "Send a given-up delivery again",
    ...door(deps, "photos:write"),
    request: { params: id.extend({ deliveryId }) },
    responses: {
      202: empty("It is queued, with all its attempts."),
      ...problems({ 404: "`WEBHOOK_NOT_FOUND`, `DELIVERY_NOT_FOUND`", 409: "`DELIVERY_SUCCEEDED`" }),
    },
  });
}
