import type { Database, Logger } from "@ocelli/chassis";
import type { UrlPolicy } from "./net/webhook-url.ts";
import type { SafeFetch } from "./safe-fetch.ts";
import type { LibraryTables } from "./store/tables.ts";
import {
  type ClaimedDelivery,
  claimDeliveries,
  settleDelivered,
  settleFailed,
  settleGivenUp,
  takeUpEntries,
} from "./store/webhook-queue.ts";
import { sendMessage } from "./webhook-message.ts";
import type { SecretKeeper } from "./webhook-signature.ts";

/** What {@link createWebhookDelivery} stands on. */
export interface WebhookDeliveryOptions {
  database: Database<LibraryTables>;
  fetch: Pick<SafeFetch, "post">;
  secrets: SecretKeeper;
  policy: UrlPolicy;
  /** Deliveries in hand at once; those of one owner take less than half. */
  concurrency: number;
  now: () => Date;
  log: Logger;
  /** How often the store is asked without being woken. Default 5 s. */
  pollMs?: number;
}

/** Deliveries under way. */
export interface WebhookDelivery {
  start(): void;
  /** There may be something to deliver. */
  wake(): void;
  /** Takes nothing more and waits for what is in hand. */
  stop(): Promise<void>;
}

const minuteMs = 60_000;
/** Waits after each failed attempt but the last: 47 hours in all, over which most outages end. */
const retryMs = [0.5, 2, 10, 30, 60, 180, 360, 720, 1440].map((minutes) => minutes * minuteMs);
/** Attempts of one delivery. */
export const maxAttempts = retryMs.length + 1;
/** Deliveries given up one after another, after which nobody seems to listen. */
export const maxGivenUpInRow = 50;
const perWebhook = 4;
// Longer than an attempt may take.
const leaseMs = 60_000;
const defaultPollMs = 5_000;
// Entries come in bursts; a round for each would ask the store as often as everything else together.
const gatherMs = 200;

/** Creates the delivery of feed entries to webhooks; replicas share the work. */
export function createWebhookDelivery(options: WebhookDeliveryOptions): WebhookDelivery {
  const { database, log } = options;
  const { db } = database;
  const inHand = new Map<Promise<void>, Receiver>();
  const perOwner = Math.max(1, Math.floor(options.concurrency / 4));
  const stopping = Promise.withResolvers<void>();
  let stopped = false;
  let woken = Promise.withResolvers<void>();

  async function attempt(delivery: ClaimedDelivery): Promise<void> {
    try {
      await deliver(options, delivery);
    } catch (error) {
      // It is taken again when its lease ends.
      log.warn({ err: error, deliveryId: delivery.id }, "webhook delivery not settled");
    }
  }

  async function round(): Promise<void> {
    while (!stopped && (await takeUpEntries(db)) > 0);
    while (!stopped && inHand.size < options.concurrency) {
      // A few at a time: all at once could be one owner's, whose receivers may take ten seconds for each.
      const limit = Math.min(options.concurrency - inHand.size, perOwner);
      const receivers = [...inHand.values()];
      const busy = busyOnes(
        receivers.map(({ webhookId }) => webhookId),
        perWebhook,
      );
      const busyOwners = busyOnes(
        receivers.map(({ ownerId }) => ownerId),
        perOwner,
      );
      const claimed = await claimDeliveries(db, { limit, perWebhook, busy, busyOwners, leaseMs });
      for (const delivery of claimed) {
        const running = attempt(delivery).finally(() => {
          inHand.delete(running);
          woken.resolve();
        });
        inHand.set(running, delivery);
      }
      if (claimed.length < limit) return;
    }
  }

  async function run(): Promise<void> {
    while (!stopped) {
      try {
        await round();
      } catch (error) {
        log.warn({ err: error }, "webhooks not deliverable now");
        await within(stopping.promise, options.pollMs ?? defaultPollMs);
      }
      await within(Promise.race([woken.promise, stopping.promise]), options.pollMs ?? defaultPollMs);
      woken = Promise.withResolvers();
      if (!stopped) await within(stopping.promise, gatherMs);
    }
  }

  let running = Promise.resolve();
  return {
    start() {
      running = run();
    },
    wake: () => woken.resolve(),
    async stop() {
      stopped = true;
      stopping.resolve();
      await running;
      await Promise.all(inHand.keys());
    },
  };
}

async function deliver(options: WebhookDeliveryOptions, delivery: ClaimedDelivery): Promise<void> {
  const { db } = options.database;
  const { id, webhookId, feedId, type, at, subjectId, data } = delivery;
  const key = options.secrets.open(delivery, webhookId);
  const message = { id: feedId, type, at, subjectId, data };
  const outcome = await sendMessage(options, { url: delivery.url, messageId: id, message, key });
  if (outcome.delivered) return settleDelivered(db, delivery);
  const wait = retryMs[delivery.attempts - 1];
  if (outcome.httpStatus === 410) return settleGivenUp(db, delivery, outcome.error, 1);
  if (wait === undefined) return settleGivenUp(db, delivery, outcome.error, maxGivenUpInRow);
  return settleFailed(db, delivery, outcome.error, wait * (0.9 + Math.random() * 0.2));
}

type Receiver = Pick<ClaimedDelivery, "webhookId" | "ownerId">;

/** Those of the ids that occur at least so often. */
function busyOnes(ids: readonly string[], often: number): string[] {
  const counts = new Map<string, number>();
  for (const id of ids) counts.set(id, (counts.get(id) ?? 0) + 1);
  return [...counts].filter(([, count]) => count >= often).map(([id]) => id);
}

async function within(promise: Promise<void>, ms: number): Promise<void> {
  const timeout = Promise.withResolvers<void>();
  const timer = setTimeout(timeout.resolve, ms);
  await Promise.race([promise, timeout.promise]);
  clearTimeout(timer);
}
