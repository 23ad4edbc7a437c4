import type { EventBus, Logger, ServiceHost, Subscription } from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { LibraryConfig } from "./config.ts";
import { createFeed, type Feed } from "./feed.ts";
import { createFeedHandlers } from "./rpc/feed-handlers.ts";
import { createWebhookHandlers } from "./rpc/webhook-handlers.ts";
import { createSafeFetch, type SafeFetchOptions } from "./safe-fetch.ts";
import { purgeFeeds } from "./store/feed.ts";
import type { LibraryTables } from "./store/tables.ts";
import { purgeDeliveries } from "./store/webhook-queue.ts";
import { createWebhookDelivery } from "./webhook-delivery.ts";
import { createSecretKeeper } from "./webhook-signature.ts";
import { createWebhooks } from "./webhooks.ts";

/** What {@link openLive} stands on. */
export interface LiveOptions {
  host: ServiceHost<LibraryTables>;
  config: LibraryConfig;
  runtime: { bus: EventBus; now: () => Date; newId: () => string };
  /** How requests of webhooks find and trust their receivers; the system's way by default. */
  network?: Pick<SafeFetchOptions, "resolve" | "ca">;
}

const purgeMs = 60_000;
const dayMs = 86_400_000;
const givenUpKeptMs = 30 * dayMs;
const maxPending = 20_000;

/** Feeds and webhooks of a library. */
export interface Live {
  feed: Feed;
  /** Begins to deliver and to purge. */
  start(): void;
}

/** Opens feeds and webhooks: their RPCs, the deliveries, and the purge of what is old. */
export async function openLive({ host, config, runtime, network }: LiveOptions): Promise<Live> {
  const { database, log } = host;
  const policy = { allowHttp: config.webhooksAllowHttp, allowPrivate: config.webhooksAllowPrivate };
  const fetch = createSafeFetch({ allowPrivate: policy.allowPrivate, ...network });
  const secrets = createSecretKeeper(config.keySecret?.reveal());
  const feed = createFeed({ database, ...runtime });
  const common = { database, fetch, secrets, policy, now: runtime.now };
  const delivery = createWebhookDelivery({ ...common, log, concurrency: config.webhookConcurrency });
  // Hints of feeds, and the events that stand for one.
  const watch: Subscription = await runtime.bus.watch("ocelli.library.*.*", delivery.wake);
  const webhooks = createWebhooks({ ...common, newId: runtime.newId, wake: delivery.wake });
  host.provide(libraryV1.FeedServiceDefinition, createFeedHandlers(feed));
  host.provide(libraryV1.WebhookServiceDefinition, createWebhookHandlers(webhooks));
  const purging = createPurging(log, () => purge(host, config));
  host.onStop(async () => {
    feed.close();
    await watch.stop();
    await purging.stop();
    await delivery.stop();
    await fetch.close();
  });
  return {
    feed,
    start() {
      delivery.start();
      purging.start();
    },
  };
}

async function purge({ database: { db } }: ServiceHost<LibraryTables>, config: LibraryConfig): Promise<void> {
  const limits = { retentionMs: config.feedRetentionMs, maxEntries: config.feedMaxEntries };
  while ((await purgeFeeds(db, limits)) > 0);
  const deliveries = { deliveredMs: config.feedRetentionMs, givenUpMs: givenUpKeptMs, maxPending };
  while ((await purgeDeliveries(db, deliveries)) > 0);
}

/** Runs something now and then until stopped; a run that fails is made up for by the next. */
function createPurging(log: Logger, run: () => Promise<void>) {
  let running: Promise<void> = Promise.resolve();
  let timer: NodeJS.Timeout | undefined;
  let stopped = false;

  function start(): void {
    if (stopped) return;
    // Not all replicas at once.
    timer = setTimeout(repeat, purgeMs * (0.75 + Math.random() / 2)).unref();
  }

  function repeat(): void {
    running = run()
      .catch((error: unknown) => log.warn({ err: error }, "feeds not purged"))
      .finally(start);
  }

  return {
    start,
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await running;
    },
  };
}
