import { recordQueries } from "@ocelli/chassis/database/record-queries";
import { expect, test } from "vitest";
import { appendFeed, appendJobUpdate, purgeFeeds, readFeed } from "./feed.ts";
import type { LibraryTables } from "./tables.ts";
import {
  type ClaimedDelivery,
  claimDeliveries,
  purgeDeliveries,
  settleDelivered,
  settleFailed,
  settleGivenUp,
  takeUpEntries,
} from "./webhook-queue.ts";
import {
  deleteWebhook,
  enableWebhook,
  findWebhook,
  insertWebhook,
  listDeliveries,
  listWebhooks,
  retryDelivery,
} from "./webhooks.ts";

const webhook = {
  id: "webhook",
  url: "https://example.org/",
  types: [],
  createdAt: new Date(0),
  enabled: true,
};
const sealed = { ...webhook, secret: Buffer.of(), sealed: true };
const entry = { type: "photo.changed", subjectId: "photo", data: {} };
const page = { ownerId: "owner", webhookId: "webhook", beforeFeedId: 1, limit: 51 };
const delivery: ClaimedDelivery = {
  id: "delivery",
  webhookId: "webhook",
  ownerId: "owner",
  feedId: 1,
  at: new Date(0),
  attempts: 1,
  url: webhook.url,
  secret: sealed.secret,
  sealed: true,
  ...entry,
};

test("the SQL of feeds and webhooks is what was reviewed (`vitest -u` accepts a change)", async () => {
  const queries = await recordQueries<LibraryTables>("library", {
    appendFeed: (db) => appendFeed(db, "owner", [entry]),
    appendJobUpdate: (db) =>
      appendJobUpdate(db, { ownerId: "owner", jobId: "job", status: "RUNNING", data: {} }),
    readFeed: (db) => readFeed(db, "owner", 1, 100),
    purgeFeeds: {
      run: (db) => purgeFeeds(db, { retentionMs: 1, maxEntries: 1 }),
      answers: [[{ deleted: 0 }]],
    },
    insertWebhook: {
      run: (db) => insertWebhook(db, "owner", sealed, 20),
      answers: [[{ last_id: 1 }], [{ count: 0 }]],
    },
    listWebhooks: (db) => listWebhooks(db, "owner"),
    findWebhook: (db) => findWebhook(db, "owner", "webhook"),
    deleteWebhook: { run: (db) => deleteWebhook(db, "owner", "webhook").catch(() => false), answers: [[]] },
    enableWebhook: (db) => enableWebhook(db, "owner", "webhook"),
    listDeliveries: (db) => listDeliveries(db, page),
    retryDelivery: (db) => retryDelivery(db, "owner", "webhook", "delivery"),
    takeUpEntries: (db) => takeUpEntries(db),
    claimDeliveries: (db) =>
      claimDeliveries(db, { limit: 16, perWebhook: 4, busy: [], busyOwners: [], leaseMs: 60_000 }),
    settleDelivered: (db) => settleDelivered(db, delivery),
    settleFailed: (db) => settleFailed(db, delivery, "error", 30_000),
    settleGivenUp: (db) => settleGivenUp(db, delivery, "error", 50),
    purgeDeliveries: (db) => purgeDeliveries(db, { deliveredMs: 1, givenUpMs: 1, maxPending: 1 }),
  });
  await expect(queries).toMatchFileSnapshot("live-queries.snap.sql");
});
