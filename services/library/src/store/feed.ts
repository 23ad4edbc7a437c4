import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** Something to tell the owner of a photo or job. */
export interface NewFeedEntry {
  /** E.g. `photo.changed`. */
  type: string;
  /** The photo or job. */
  subjectId: string;
  /** Details; left out when longer than {@link maxFeedDataBytes}. */
  data: Record<string, unknown>;
}

/** An entry as it is kept. */
export interface FeedEntry extends NewFeedEntry {
  /** Counts from 1 for each owner. */
  id: number;
  at: Date;
}

/** How far a job has come, for {@link appendJobUpdate}. */
export interface JobUpdate {
  ownerId: string;
  jobId: string;
  status: string;
  /** Details, without the status. */
  data: Record<string, unknown>;
}

/** Longest details of an entry: readers hold whole pages of them. */
export const maxFeedDataBytes = 4096;

/**
 * Appends entries to an owner's feed in one statement, and answers the id of the last one.
 *
 * Ids come from the owner's head row, which stays locked until the transaction ends: an entry becomes visible only when
 * all before it are, so that a reader who goes on after the newest id it saw misses none. Append last in a transaction:
 * others of the owner wait for it, and whoever locks in another order may deadlock.
 */
export async function appendFeed(
  trx: Store,
  ownerId: string,
  entries: readonly NewFeedEntry[],
): Promise<number> {
  if (entries.length === 0) return 0;
  const { rows } = await sql<{ last_id: number }>`
    with head as (
      insert into library.feed_heads as h (owner_id, last_id) values (${ownerId}, ${entries.length})
      on conflict (owner_id) do update set last_id = h.last_id + excluded.last_id
      returning last_id
    ), appended as (
      insert into library.feed (owner_id, id, type, at, subject_id, data)
      select ${ownerId}, head.last_id - ${entries.length}::bigint + e.n, e.type, clock_timestamp(), e.subject_id, e.data
      from head, unnest(
        ${entries.map(({ type }) => type)}::text[],
        ${entries.map(({ subjectId }) => subjectId)}::text[],
        ${entries.map(({ data }) => feedData(data))}::jsonb[]
      ) with ordinality as e (type, subject_id, data, n)
    )
    select last_id from head`.execute(trx);
  return rows[0]?.last_id ?? 0;
}

/**
 * Appends `job.updated`, at most once a second while the status stays the same; rules of {@link appendFeed}.
 * @returns the entry's id; 0 when it was left out.
 */
export async function appendJobUpdate(trx: Store, update: JobUpdate): Promise<number> {
  const { ownerId, jobId, status } = update;
  const { rows } = await sql<{ last_id: number }>`
    with due as (
      select where not exists (
        select from (
          select at, data from library.feed
          where owner_id = ${ownerId} and subject_id = ${jobId} and type = 'job.updated' order by id desc limit 1
        ) as last
        where last.at > clock_timestamp() - interval '1 second' and last.data->>'status' = ${status}
      )
    ), head as (
      insert into library.feed_heads as h (owner_id, last_id) select ${ownerId}, 1 from due
      on conflict (owner_id) do update set last_id = h.last_id + 1
      returning last_id
    ), appended as (
      insert into library.feed (owner_id, id, type, at, subject_id, data)
      select ${ownerId}, head.last_id, 'job.updated', clock_timestamp(), ${jobId}, ${feedData({ ...update.data, status })}::jsonb
      from head
    )
    select last_id from head`.execute(trx);
  return rows[0]?.last_id ?? 0;
}

/** A stretch of an owner's feed. */
export interface FeedPage {
  entries: FeedEntry[];
  /** Id of the newest entry; 0 when there never was one. */
  newestId: number;
  /** Id up to which entries are gone. */
  purgedId: number;
}

/** Entries after an id, oldest first, and where the feed begins and ends; one snapshot. */
export async function readFeed(
  db: Store,
  ownerId: string,
  afterId: number,
  limit: number,
): Promise<FeedPage> {
  const rows = await db
    .selectFrom("feed_heads as h")
    .leftJoinLateral(
      (from) =>
        from
          .selectFrom("feed")
          .select(["id", "type", "at", "subject_id", "data"])
          .where("owner_id", "=", ownerId)
          .where("id", ">", afterId)
          .orderBy("id")
          .limit(limit)
          .as("f"),
      (join) => join.onTrue(),
    )
    .select(["h.last_id", "h.purged_id", "f.id", "f.type", "f.at", "f.subject_id", "f.data"])
    .where("h.owner_id", "=", ownerId)
    .where(sql<boolean>`not exists (select from library.deleted_owners where user_id = ${ownerId})`)
    .orderBy("f.id")
    .execute();
  const entries = rows.flatMap(({ id, type, at, subject_id, data }) =>
    id === null || type === null || at === null || subject_id === null || data === null
      ? []
      : [{ id, type, at, subjectId: subject_id, data }],
  );
  return { entries, newestId: rows[0]?.last_id ?? 0, purgedId: rows[0]?.purged_id ?? 0 };
}

/** What is kept of each feed. */
export interface FeedLimits {
  retentionMs: number;
  maxEntries: number;
}

/**
 * Deletes what feeds need not keep, of at most `owners` owners and `perOwner` entries each; what an enabled webhook has
 * still to take up stays.
 * @returns how many entries were deleted.
 */
export async function purgeFeeds(
  db: Store,
  limits: FeedLimits,
  atOnce = { owners: 100, perOwner: 1000 },
): Promise<number> {
  const oldest = sql`now() - ${limits.retentionMs} * interval '1 millisecond'`;
  const { rows } = await sql<{ deleted: number }>`
    with due as (
      select h.owner_id, bounds.upto from library.feed_heads h
      cross join lateral (
        select least(
          (select coalesce(min(w.feed_id), h.last_id) from library.webhooks w
            where w.owner_id = h.owner_id and w.enabled),
          h.purged_id + ${atOnce.perOwner}::bigint,
          greatest(
            h.last_id - ${limits.maxEntries}::bigint,
            case when (
              select f.at from library.feed f where f.owner_id = h.owner_id order by f.id limit 1
            ) < ${oldest} then (
              select max(old.id) from (
                select f.id, f.at from library.feed f
                where f.owner_id = h.owner_id order by f.id limit ${atOnce.perOwner}
              ) as old where old.at < ${oldest}
            ) else 0 end
          )
        ) as upto
      ) as bounds
      where h.last_id > h.purged_id and bounds.upto > h.purged_id
      limit ${atOnce.owners}
    ), heads as (
      update library.feed_heads h set purged_id = due.upto from due where h.owner_id = due.owner_id
      returning h.owner_id, due.upto
    ), gone as (
      delete from library.feed f using heads where f.owner_id = heads.owner_id and f.id <= heads.upto
      returning 1
    )
    select count(*) as deleted from gone`.execute(db);
  return rows[0]?.deleted ?? 0;
}

/** Details as JSON, or none when they are too long. */
export function feedData(data: Record<string, unknown>): string {
  const text = JSON.stringify(data);
  return Buffer.byteLength(text) > maxFeedDataBytes ? "{}" : text;
}
