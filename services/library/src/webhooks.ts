import {
  type AppError,
  type Database,
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  invalidArgument,
  isDeletedOwner,
  isUuid,
  notFound,
  overloaded,
  permissionDenied,
  resolvePageSize,
} from "@ocelli/chassis";
import { z } from "zod";
import { parseWebhookUrl } from "./net/webhook-url.ts";
import { createOwnerPlaces } from "./owner-places.ts";
import type { LibraryTables } from "./store/tables.ts";
import {
  type Delivery,
  deleteWebhook,
  enableWebhook,
  findWebhook,
  insertWebhook,
  listDeliveries,
  listWebhooks,
  retryDelivery,
  type Webhook,
  type WebhookWithSecret,
} from "./store/webhooks.ts";
import { type AttemptOutcome, type Sender, sendMessage } from "./webhook-message.ts";
import { newWebhookKey, type SecretKeeper, showWebhookKey } from "./webhook-signature.ts";

/** What {@link createWebhooks} stands on. */
export interface WebhooksOptions extends Sender {
  database: Database<LibraryTables>;
  secrets: SecretKeeper;
  /** Makes a UUIDv7. */
  newId: () => string;
  /** Something may be due. */
  wake: () => void;
}

/** Webhooks of owners. Ids of others answer like unknown ones: NOT_FOUND/WEBHOOK_NOT_FOUND. */
export interface Webhooks {
  /**
   * Makes a webhook; the secret is shown this once.
   * @throws AppError INVALID_ARGUMENT/INVALID_WEBHOOK, FAILED_PRECONDITION/TOO_MANY_WEBHOOKS,
   *   PERMISSION_DENIED/ACCOUNT_DELETED.
   */
  create(
    ownerId: string,
    request: { url: string; types: string[] },
  ): Promise<{ webhook: Webhook; secret: string }>;
  list(ownerId: string): Promise<Webhook[]>;
  delete(ownerId: string, webhookId: string): Promise<void>;
  /** Sends a test message now; one that arrives enables the webhook again. */
  test(ownerId: string, webhookId: string): Promise<AttemptOutcome>;
  deliveries(
    ownerId: string,
    webhookId: string,
    page: { pageSize: number; pageToken: string },
  ): Promise<{ deliveries: Delivery[]; nextPageToken: string }>;
  /** @throws AppError NOT_FOUND/DELIVERY_NOT_FOUND, FAILED_PRECONDITION/DELIVERY_SUCCEEDED. */
  retry(ownerId: string, webhookId: string, deliveryId: string): Promise<void>;
}

const maxWebhooks = 20;
const maxTypes = 20;
const typePattern = /^[a-z]{1,40}(?:\.[a-z]{1,40}){0,3}\.?$/;
const pageLimits = { defaultSize: 50, maxSize: 200 };
// Each holds a connection for up to ten seconds.
const tests = { total: 8, perOwner: 2 };

/** Creates the rules of webhooks. */
export function createWebhooks(options: WebhooksOptions): Webhooks {
  const { db } = options.database;
  const places = createOwnerPlaces({ ...tests, onFull: tooManyTests });

  async function known(ownerId: string, webhookId: string): Promise<WebhookWithSecret> {
    const webhook = isUuid(webhookId) ? await findWebhook(db, ownerId, webhookId) : undefined;
    if (!webhook) throw webhookNotFound();
    return webhook;
  }

  async function sendTest(webhook: WebhookWithSecret): Promise<AttemptOutcome> {
    const { id, url } = webhook;
    const key = options.secrets.open(webhook, id);
    const data = { webhookId: id };
    const message = { id: 0, type: "webhook.test", at: options.now(), subjectId: id, data };
    return sendMessage(options, { url, messageId: options.newId(), message, key });
  }

  return {
    async create(ownerId, request) {
      const url = parseWebhookUrl(request.url, options.policy).href;
      const types = cleanTypes(request.types);
      const [id, key] = [options.newId(), newWebhookKey()];
      const webhook = { id, url, types, createdAt: options.now(), enabled: true };
      await db.transaction().execute(async (trx) => {
        if (await isDeletedOwner(trx, ownerId)) throw accountDeleted();
        const sealed = { ...webhook, ...options.secrets.seal(key, id) };
        if (!(await insertWebhook(trx, ownerId, sealed, maxWebhooks))) throw tooManyWebhooks();
      });
      return { webhook, secret: showWebhookKey(key) };
    },
    list: (ownerId) => listWebhooks(db, ownerId),
    async delete(ownerId, webhookId) {
      if (!isUuid(webhookId) || !(await deleteWebhook(db, ownerId, webhookId))) throw webhookNotFound();
    },
    async test(ownerId, webhookId) {
      const webhook = await known(ownerId, webhookId);
      return places.run(ownerId, async () => {
        const outcome = await sendTest(webhook);
        if (outcome.delivered && !webhook.enabled) {
          await enableWebhook(db, ownerId, webhookId);
          options.wake();
        }
        return outcome;
      });
    },
    async deliveries(ownerId, webhookId, page) {
      await known(ownerId, webhookId);
      const limit = resolvePageSize(page.pageSize, pageLimits);
      const list = `deliveries ${webhookId}`;
      const beforeFeedId = decodePageToken(page.pageToken, z.int().min(0), list);
      const found = await listDeliveries(db, { ownerId, webhookId, beforeFeedId, limit: limit + 1 });
      const deliveries = found.slice(0, limit);
      const last = found.length > limit ? deliveries.at(-1) : undefined;
      return { deliveries, nextPageToken: last ? encodePageToken(last.feedId, list) : "" };
    },
    async retry(ownerId, webhookId, deliveryId) {
      await known(ownerId, webhookId);
      const before = isUuid(deliveryId) ? await retryDelivery(db, ownerId, webhookId, deliveryId) : undefined;
      if (before === undefined) throw notFound("DELIVERY_NOT_FOUND", "There is no such delivery.");
      if (before === "DELIVERED")
        throw failedPrecondition("DELIVERY_SUCCEEDED", "The receiver took it already.");
      options.wake();
    },
  };
}

function tooManyTests(): AppError {
  return overloaded("TOO_MANY_TESTS", "Too many webhooks are being tested.", 2000);
}

function cleanTypes(types: readonly string[]): string[] {
  if (types.length <= maxTypes && types.every((type) => typePattern.test(type))) return [...new Set(types)];
  const description = `must be at most ${maxTypes} types such as photo.ready, or photo. for all that begin so`;
  throw invalidArgument("INVALID_WEBHOOK", `The types ${description}.`, [{ field: "types", description }]);
}

function webhookNotFound(): AppError {
  return notFound("WEBHOOK_NOT_FOUND", "There is no such webhook.");
}

function tooManyWebhooks(): AppError {
  return failedPrecondition("TOO_MANY_WEBHOOKS", `You have ${maxWebhooks} webhooks; delete one first.`);
}

function accountDeleted(): AppError {
  return permissionDenied("ACCOUNT_DELETED", "This account was deleted.");
}
