import { type Kysely, sql } from "kysely";
import type { StoredSecret } from "../webhook-signature.ts";
import type { DeliveryStatus } from "./feed-tables.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** A webhook as its owner sees it. */
export interface Webhook {
  id: string;
  url: string;
  types: string[];
  createdAt: Date;
  enabled: boolean;
}

/** A webhook with what it takes to sign for it. */
export type WebhookWithSecret = Webhook & StoredSecret;

/** An entry on its way to a webhook, as the owner sees it. */
export interface Delivery {
  id: string;
  feedId: number;
  type: string;
  status: DeliveryStatus;
  attempts: number;
  error: string;
  createdAt: Date;
  nextAttemptAt: Date;
}

const webhookColumns = ["id", "url", "types", "created_at as createdAt", "enabled"] as const;

/**
 * Stores a webhook that is told of what happens from now on; in a transaction.
 * @returns false when the owner has as many as allowed.
 */
export async function insertWebhook(
  trx: Store,
  ownerId: string,
  webhook: WebhookWithSecret,
  max: number,
): Promise<boolean> {
  // Locks the head: nobody else adds a webhook or an entry of this owner meanwhile.
  const { last_id } = await trx
    .insertInto("feed_heads")
    .values({ owner_id: ownerId, last_id: 0 })
    .onConflict((conflict) =>
      conflict.column("owner_id").doUpdateSet({ last_id: sql<number>`feed_heads.last_id` }),
    )
    .returning("last_id")
    .executeTakeFirstOrThrow();
  const { count } = await trx
    .selectFrom("webhooks")
    .select((from) => from.fn.countAll<number>().as("count"))
    .where("owner_id", "=", ownerId)
    .executeTakeFirstOrThrow();
  if (count >= max) return false;
  const { id, url, types, secret, sealed, createdAt } = webhook;
  await trx
    .insertInto("webhooks")
    .values({ id, owner_id: ownerId, url, types, secret, sealed, created_at: createdAt, feed_id: last_id })
    .execute();
  return true;
}

/** All webhooks of an owner, newest first. */
export async function listWebhooks(db: Store, ownerId: string): Promise<Webhook[]> {
  return db
    .selectFrom("webhooks")
    .select(webhookColumns)
    .where("owner_id", "=", ownerId)
    .orderBy("id", "desc")
    .execute();
}

/** One webhook of an owner. */
export async function findWebhook(
  db: Store,
  ownerId: string,
  webhookId: string,
): Promise<WebhookWithSecret | undefined> {
  return db
    .selectFrom("webhooks")
    .select([...webhookColumns, "secret", "sealed"])
    .where("owner_id", "=", ownerId)
    .where("id", "=", webhookId)
    .executeTakeFirst();
}

/** Removes a webhook with its deliveries. @returns false when the owner has no such webhook. */
export async function deleteWebhook(db: Store, ownerId: string, webhookId: string): Promise<boolean> {
  const { numDeletedRows } = await db
    .deleteFrom("webhooks")
    .where("owner_id", "=", ownerId)
    .where("id", "=", webhookId)
    .executeTakeFirst();
  return numDeletedRows > 0n;
}

/** Lets a webhook that was disabled go on, from where it was as far as the feed still reaches back. */
export async function enableWebhook(db: Store, ownerId: string, webhookId: string): Promise<void> {
  await sql`
    update library.webhooks w set enabled = true, given_up = 0, feed_id = greatest(w.feed_id, h.purged_id)
    from library.feed_heads h
    where w.id = ${webhookId} and w.owner_id = ${ownerId} and h.owner_id = w.owner_id and not w.enabled`.execute(
    db,
  );
}

/** A page of deliveries, newest entries first. */
export interface DeliveryPage {
  ownerId: string;
  webhookId: string;
  /** Only of entries before this one. */
  beforeFeedId: number | undefined;
  limit: number;
}

/** See {@link DeliveryPage}. */
export async function listDeliveries(db: Store, page: DeliveryPage): Promise<Delivery[]> {
  let query = db
    .selectFrom("webhook_deliveries")
    .select(["id", "feed_id as feedId", "type", "status", "attempts", "error"])
    .select(["created_at as createdAt", "next_attempt_at as nextAttemptAt"])
    .where("owner_id", "=", page.ownerId)
    .where("webhook_id", "=", page.webhookId)
    .orderBy("feed_id", "desc")
    .limit(page.limit);
  if (page.beforeFeedId !== undefined) query = query.where("feed_id", "<", page.beforeFeedId);
  return query.execute();
}

/** Queues a given-up delivery again, with all its attempts. @returns its status before; undefined for an unknown one. */
export async function retryDelivery(
  db: Store,
  ownerId: string,
  webhookId: string,
  deliveryId: string,
): Promise<DeliveryStatus | undefined> {
  const { rows } = await sql<{ status: DeliveryStatus }>`
    with found as (
      select id, status from library.webhook_deliveries
      where id = ${deliveryId} and webhook_id = ${webhookId} and owner_id = ${ownerId} for update
    ), queued as (
      update library.webhook_deliveries d
      set status = 'PENDING', attempts = 0, next_attempt_at = now(), leased_until = null, ended_at = null
      from found where d.id = found.id and found.status = 'GIVEN_UP'
    )
    select status from found`.execute(db);
  return rows[0]?.status;
}
