import { type Kysely, sql } from "kysely";
import { isDisabled } from "./disabled-owners.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** A delivery that this process has taken, with all it takes to send it. */
export interface ClaimedDelivery {
  id: string;
  webhookId: string;
  ownerId: string;
  feedId: number;
  type: string;
  subjectId: string;
  at: Date;
  data: Record<string, unknown>;
  /** This attempt included. */
  attempts: number;
  url: string;
  secret: Buffer;
  sealed: boolean;
}

/** How much one statement takes up at most. */
const webhooksAtOnce = 20;
const entriesAtOnce = 500;

/**
 * Makes deliveries of feed entries that webhooks have not taken up, and moves them on, all or nothing: each entry becomes
 * one delivery however many replicas do this. What another replica is at is passed over.
 * @returns how many entries were looked at; call again until it is 0.
 */
export async function takeUpEntries(db: Store): Promise<number> {
  const { rows } = await sql<{ entries: number }>`
    with behind as (
      select w.id, w.owner_id, w.feed_id, w.types from library.webhooks w
      join library.feed_heads h on h.owner_id = w.owner_id
      where w.enabled and w.feed_id < h.last_id
      order by w.id limit ${webhooksAtOnce} for update of w skip locked
    ), entries as (
      select b.id as webhook_id, b.types, f.* from behind b cross join lateral (
        select * from library.feed
        where owner_id = b.owner_id and id > b.feed_id order by id limit ${entriesAtOnce}
      ) as f
    ), moved as (
      update library.webhooks w set feed_id = e.upto
      from (select webhook_id, max(id) as upto from entries group by webhook_id) as e
      where w.id = e.webhook_id
    ), queued as (
      insert into library.webhook_deliveries (id, webhook_id, owner_id, feed_id, type, subject_id, at, data)
      select gen_random_uuid(), e.webhook_id, e.owner_id, e.id, e.type, e.subject_id, e.at, e.data from entries e
      where cardinality(e.types) = 0 or exists (
        select from unnest(e.types) as wanted
        where e.type = wanted or (right(wanted, 1) = '.' and starts_with(e.type, wanted))
      )
      on conflict (webhook_id, feed_id) do nothing
    )
    select count(*) as entries from entries`.execute(db);
  return rows[0]?.entries ?? 0;
}

/** What {@link claimDeliveries} may take. */
export interface ClaimLimits {
  limit: number;
  perWebhook: number;
  /** Webhooks that have enough in hand. */
  busy: readonly string[];
  /** Owners whose webhooks together have. */
  busyOwners: readonly string[];
  leaseMs: number;
}

/**
 * Takes due deliveries for this process until their lease ends, and counts the attempt. Those of owners whose accounts
 * are closed wait.
 */
export async function claimDeliveries(db: Store, claim: ClaimLimits): Promise<ClaimedDelivery[]> {
  const { rows } = await sql<ClaimedDelivery>`
    update library.webhook_deliveries d
    set attempts = d.attempts + 1, leased_until = now() + ${claim.leaseMs} * interval '1 millisecond'
    from library.webhooks w
    where w.id = d.webhook_id and d.id = any(array(
      select due.id from library.webhooks o cross join lateral (
        select id from library.webhook_deliveries
        where webhook_id = o.id and status = 'PENDING' and next_attempt_at <= now()
          and (leased_until is null or leased_until < now())
        order by next_attempt_at limit ${claim.perWebhook} for update skip locked
      ) as due
      where o.enabled and o.id <> all(${[...claim.busy]}::uuid[])
        and o.owner_id <> all(${[...claim.busyOwners]}::uuid[]) and not ${isDisabled(sql`o.owner_id`)}
      limit ${claim.limit}
    ))
    returning d.id, d.webhook_id as "webhookId", d.owner_id as "ownerId", d.feed_id as "feedId", d.type, d.subject_id as "subjectId",
      d.at, d.data, d.attempts, w.url, w.secret, w.sealed`.execute(db);
  return rows;
}

/** Writes that a receiver took a delivery. What another replica has taken since is left alone. */
export async function settleDelivered(db: Store, { id, attempts }: ClaimedDelivery): Promise<void> {
  await sql`
    with settled as (
      update library.webhook_deliveries
      set status = 'DELIVERED', error = '', leased_until = null, ended_at = now()
      where id = ${id} and attempts = ${attempts} and status = 'PENDING'
      returning webhook_id
    )
    update library.webhooks w set given_up = 0 from settled
    where w.id = settled.webhook_id and w.given_up > 0`.execute(db);
}

/** Writes that an attempt failed, and when the next one is due. */
export async function settleFailed(
  db: Store,
  { id, attempts }: ClaimedDelivery,
  error: string,
  retryInMs: number,
): Promise<void> {
  await sql`
    update library.webhook_deliveries
    set error = ${error}, leased_until = null, next_attempt_at = now() + ${retryInMs} * interval '1 millisecond'
    where id = ${id} and attempts = ${attempts} and status = 'PENDING'`.execute(db);
}

/** Gives a delivery up; the webhook is disabled after `maxInRow` of them, or at once. */
export async function settleGivenUp(
  db: Store,
  { id, attempts }: ClaimedDelivery,
  error: string,
  maxInRow: number,
): Promise<void> {
  await sql`
    with settled as (
      update library.webhook_deliveries
      set status = 'GIVEN_UP', error = ${error}, leased_until = null, ended_at = now()
      where id = ${id} and attempts = ${attempts} and status = 'PENDING'
      returning webhook_id
    )
    update library.webhooks w
    set given_up = w.given_up + 1, enabled = w.enabled and w.given_up + 1 < ${maxInRow}
    from settled where w.id = settled.webhook_id`.execute(db);
}

/** What is kept of deliveries. */
export interface DeliveryLimits {
  deliveredMs: number;
  givenUpMs: number;
  /** More than this waiting for one webhook disables it. */
  maxPending: number;
}

/** Deletes some deliveries that ended long ago or wait for a webhook that was disabled, and disables webhooks far behind. */
export async function purgeDeliveries(db: Store, limits: DeliveryLimits, atOnce = 1000): Promise<number> {
  await sql`
    update library.webhooks w set enabled = false where w.enabled and (
      select count(*) from (
        select from library.webhook_deliveries d
        where d.webhook_id = w.id and d.status = 'PENDING' limit ${limits.maxPending}
      ) as waiting
    ) >= ${limits.maxPending}`.execute(db);
  const { numAffectedRows = 0n } = await sql`
    delete from library.webhook_deliveries where id = any(array(
      select id from library.webhook_deliveries
      where (status = 'DELIVERED' and ended_at < now() - ${limits.deliveredMs} * interval '1 millisecond')
        or (status = 'GIVEN_UP' and ended_at < now() - ${limits.givenUpMs} * interval '1 millisecond')
      limit ${atOnce}
    )) or id = any(array(
      select d.id from library.webhooks w join library.webhook_deliveries d on d.webhook_id = w.id
      where not w.enabled and d.status = 'PENDING'
        and d.created_at < now() - ${limits.givenUpMs} * interval '1 millisecond'
      limit ${atOnce}
    ))`.execute(db);
  return Number(numAffectedRows);
}
