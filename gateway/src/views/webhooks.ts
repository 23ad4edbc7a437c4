import { z } from "@hono/zod-openapi";
import type { libraryV1 } from "@ocelli/contracts";
import { required } from "./required.ts";

/** A webhook as clients see it. */
export const webhookSchema = z
  .object({
    id: z.uuid(),
    url: z.string(),
    types: z.array(z.string()),
    createdAt: z.iso.datetime(),
    enabled: z.boolean().openapi({ description: "False once too many deliveries in a row were given up." }),
  })
  .openapi("Webhook");

/** A webhook with its secret. */
export const createdWebhookSchema = webhookSchema
  .extend({
    secret: z.string().openapi({
      description:
        "`whsec_` and base64: key of the HMAC-SHA256 signature, as libraries for Standard Webhooks take it.",
    }),
  })
  .openapi("CreatedWebhook");

/** One entry on its way. */
export const deliverySchema = z
  .object({
    id: z.uuid().openapi({ description: "`webhook-id` of the message." }),
    type: z.string(),
    status: z.enum(["PENDING", "DELIVERED", "GIVEN_UP"]),
    attempts: z.int(),
    error: z.string().nullable(),
    createdAt: z.iso.datetime(),
    nextAttemptAt: z.iso.datetime().nullable(),
  })
  .openapi("WebhookDelivery");

/** How a test went. */
export const testOutcomeSchema = z
  .object({
    delivered: z.boolean().openapi({ description: "Whether the receiver answered 2xx." }),
    httpStatus: z.int().nullable().openapi({ description: "`null` without an answer." }),
    error: z.string().nullable(),
  })
  .openapi("WebhookTest");

const statusSchema = deliverySchema.shape.status;

/** See {@link webhookSchema}. */
export function toWebhookView(message: libraryV1.Webhook | undefined): z.infer<typeof webhookSchema> {
  const { id, url, types, createdAt, enabled } = required(message, "webhook");
  return { id, url, types, createdAt: required(createdAt, "createdAt").toISOString(), enabled };
}

/** See {@link deliverySchema}. */
export function toDeliveryView(delivery: libraryV1.WebhookDelivery): z.infer<typeof deliverySchema> {
  const { id, type, status, attempts, error, createdAt, nextAttemptAt } = delivery;
  return {
    id,
    type,
    status: statusSchema.parse(status),
    attempts,
    error: error === "" ? null : error,
    createdAt: required(createdAt, "createdAt").toISOString(),
    nextAttemptAt: nextAttemptAt?.toISOString() ?? null,
  };
}
