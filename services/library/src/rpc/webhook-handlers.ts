import { type IdentityContext, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import type { Delivery } from "../store/webhooks.ts";
import type { Webhooks } from "../webhooks.ts";

/** WebhookService over the rules. */
export function createWebhookHandlers(
  webhooks: Webhooks,
): libraryV1.WebhookServiceImplementation<IdentityContext> {
  return {
    createWebhook: ({ url, types }, { identity }) => webhooks.create(requireUser(identity), { url, types }),
    async listWebhooks(_, { identity }) {
      return { webhooks: await webhooks.list(requireUser(identity)) };
    },
    async deleteWebhook({ webhookId }, { identity }) {
      await webhooks.delete(requireUser(identity), webhookId);
      return {};
    },
    testWebhook: ({ webhookId }, { identity }) => webhooks.test(requireUser(identity), webhookId),
    async listWebhookDeliveries({ webhookId, ...page }, { identity }) {
      const found = await webhooks.deliveries(requireUser(identity), webhookId, page);
      return { deliveries: found.deliveries.map(toDeliveryMessage), nextPageToken: found.nextPageToken };
    },
    async retryWebhookDelivery({ webhookId, deliveryId }, { identity }) {
      await webhooks.retry(requireUser(identity), webhookId, deliveryId);
      return {};
    },
  };
}

function toDeliveryMessage({ feedId: _, nextAttemptAt, ...delivery }: Delivery) {
  return { ...delivery, nextAttemptAt: delivery.status === "PENDING" ? nextAttemptAt : undefined };
}
