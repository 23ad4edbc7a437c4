import { AppError, type RpcContext, requireUser } from "@ocelli/chassis";
import type { libraryV1 } from "@ocelli/contracts";
import { Status } from "nice-grpc";

/** Feeds and webhooks that the library would hold. */
export interface FeedWorld {
  /** Entries by owner, oldest first. */
  readonly feeds: Map<string, libraryV1.FeedEntry[]>;
  /** Entries up to this id are gone. */
  purgedId: number;
  /** True while the library answers UNAVAILABLE. */
  feedDown: boolean;
  /** How often a feed was read. */
  feedReads: number;
  readonly webhookCalls: unknown[];
}

/** An empty world. */
export function createFeedWorld(): FeedWorld {
  return { feeds: new Map(), purgedId: 0, feedDown: false, feedReads: 0, webhookCalls: [] };
}

/** Appends entries to a user's feed, as the library would. */
export function appendEntries(world: FeedWorld, ownerId: string, count: number, padding = ""): number {
  const feed = world.feeds.get(ownerId) ?? [];
  world.feeds.set(ownerId, feed);
  for (let index = 0; index < count; index += 1) {
    const id = feed.length + 1;
    const dataJson = JSON.stringify({ stage: "ocr", padding });
    feed.push({ id, type: "photo.stage", at: new Date(), subjectId: `photo-${id}`, dataJson });
  }
  return feed.length;
}

/** FeedService over a world. */
export function feedService(world: FeedWorld): libraryV1.FeedServiceImplementation<RpcContext> {
  return {
    async listFeed({ afterId, pageSize }, { identity }) {
      world.feedReads += 1;
      if (world.feedDown) throw new AppError({ code: Status.UNAVAILABLE, reason: "DOWN", message: "Down." });
      const feed = world.feeds.get(requireUser(identity)) ?? [];
      if (afterId < 0) return { entries: [], newestId: feed.length };
      if (afterId < world.purgedId || afterId > feed.length) {
        throw new AppError({ code: Status.OUT_OF_RANGE, reason: "FEED_GONE", message: "Gone." });
      }
      return { entries: feed.slice(afterId, afterId + (pageSize || 100)), newestId: feed.length };
    },
  };
}

const webhook = {
  id: "018f0000-0000-7000-8000-0000000000a1",
  url: "https://example.org/hook",
  types: [],
  createdAt: new Date("2026-01-01T00:00:00Z"),
  enabled: true,
};

/** WebhookService that knows one webhook and records what it is asked. */
export function webhookService(world: FeedWorld): libraryV1.WebhookServiceImplementation<RpcContext> {
  const record = <T>(request: unknown, answer: T): T => {
    world.webhookCalls.push(request);
    return answer;
  };
  const delivery = {
    id: "018f0000-0000-7000-8000-0000000000d1",
    type: "photo.ready",
    status: "GIVEN_UP",
    attempts: 10,
    error: "the receiver answered 500",
    createdAt: new Date("2026-01-01T00:00:00Z"),
  };
  return {
    createWebhook: async (request) => record(request, { webhook, secret: "whsec_AAAA" }),
    listWebhooks: async (request) => record(request, { webhooks: [webhook] }),
    deleteWebhook: async (request) => record(request, {}),
    testWebhook: async (request) => record(request, { delivered: false, httpStatus: 0, error: "refused" }),
    listWebhookDeliveries: async (request) => record(request, { deliveries: [delivery], nextPageToken: "" }),
    retryWebhookDelivery: async (request) => record(request, {}),
  };
}
