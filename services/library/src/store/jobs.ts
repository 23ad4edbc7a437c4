import { type Kysely, type RawBuilder, sql } from "kysely";
import type { Job, JobStatus } from "../job.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

const columns = [
  "id",
  "owner_id as ownerId",
  "kind",
  "status",
  "stages",
  "total",
  "done",
  "failed",
  "requeues",
  "error",
  "created_at as createdAt",
  "started_at as startedAt",
  "finished_at as finishedAt",
] as const;

/** A job about to be made. */
export interface NewJob {
  id: string;
  ownerId: string;
  requestId: string;
  kind: string;
  stages: readonly string[];
  onlyMissing: boolean;
  /** Files refused at the door. */
  refused: readonly { filename: string; error: string }[];
}

/** Lets one job of an owner be made at a time, so that the number of active ones is what it is. */
export async function lockJobsOf(trx: Store, ownerId: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`jobs of ${ownerId}`}, 0))`.execute(trx);
}

/** The owner's job of a client's request. */
export async function findRequested(db: Store, ownerId: string, requestId: string): Promise<Job | undefined> {
  return db
    .selectFrom("jobs")
    .select(columns)
    .where("owner_id", "=", ownerId)
    .where("request_id", "=", requestId)
    .executeTakeFirst();
}

/** How many jobs of an owner have not ended. */
export async function countActive(db: Store, ownerId: string): Promise<number> {
  const row = await db
    .selectFrom("jobs")
    .select((from) => from.fn.countAll<number>().as("jobs"))
    .where("owner_id", "=", ownerId)
    .where("finished_at", "is", null)
    .executeTakeFirstOrThrow();
  return row.jobs;
}

/** Stores a job over photos; {@link insertItems} and {@link insertAlbumItems} give it some. */
export async function insertJob(trx: Store, job: NewJob): Promise<void> {
  const { refused } = job;
  await trx
    .insertInto("jobs")
    .values({
      id: job.id,
      owner_id: job.ownerId,
      request_id: job.requestId,
      kind: job.kind,
      stages: [...job.stages],
      only_missing: job.onlyMissing,
      status: "QUEUED",
      total: refused.length,
      failed: refused.length,
      open: 0,
    })
    .execute();
  if (refused.length === 0) return;
  await sql`
    insert into library.job_items (job_id, position, owner_id, filename, status, failed, error)
    select ${job.id}, r.n, ${job.ownerId}, r.filename, 'FAILED', 1, r.error
    from unnest(${refused.map(({ filename }) => filename)}::text[], ${refused.map(({ error }) => error)}::text[])
      with ordinality as r (filename, error, n)`.execute(trx);
}

/** Adds photos of the owner to a job, in the order given and each once. @returns how many there were. */
export function insertItems(trx: Store, job: NewJob, photoIds: readonly string[]): Promise<number> {
  return addItems(
    trx,
    job,
    sql`
      select p.id, w.n
      from (select id, min(n) as n from unnest(${[...photoIds]}::uuid[]) with ordinality as w (id, n) group by id) w
      join library.photos p on p.id = w.id and p.owner_id = ${job.ownerId} and p.trashed_at is null`,
  );
}

/** Adds the owner's photos of an album to a job, at most `limit`. @returns how many there were. */
export function insertAlbumItems(trx: Store, job: NewJob, albumId: string, limit: number): Promise<number> {
  return addItems(
    trx,
    job,
    sql`
      select p.id, p.id as n
      from library.album_photos a
      join library.photos p on p.id = a.photo_id and p.owner_id = ${job.ownerId} and p.trashed_at is null
      where a.album_id = ${albumId} and a.owner_id = ${job.ownerId}
      order by p.id
      limit ${limit}`,
  );
}

/** @param photos - rows of (id, n), to be ordered by n. */
async function addItems(trx: Store, job: NewJob, photos: RawBuilder<unknown>): Promise<number> {
  const { rows } = await sql<{ added: number }>`
    with photo as (${photos}), item as (
      insert into library.job_items (job_id, position, owner_id, photo_id, filename, status)
      select ${job.id}, ${job.refused.length}::integer + row_number() over (order by n), ${job.ownerId}, id, '', 'QUEUED'
      from photo
      returning position
    )
    update library.jobs
    set total = total + added.n, open = open + added.n
    from (select count(*)::integer as n from item) as added
    where id = ${job.id}
    returning added.n as added`.execute(trx);
  return rows[0]?.added ?? 0;
}

/** A job of an owner. */
export async function findJob(db: Store, ownerId: string, jobId: string): Promise<Job | undefined> {
  return db
    .selectFrom("jobs")
    .select(columns)
    .where("owner_id", "=", ownerId)
    .where("id", "=", jobId)
    .where(ownerIsThere(ownerId))
    .executeTakeFirst();
}

/** Which jobs of an owner. */
export interface JobsPage {
  ownerId: string;
  kind: string | undefined;
  status: JobStatus | undefined;
  after: string | undefined;
  limit: number;
}

/** A page of jobs, newest first. */
export async function listJobs(db: Store, page: JobsPage): Promise<Job[]> {
  const { kind, status, after } = page;
  return db
    .selectFrom("jobs")
    .select(columns)
    .where("owner_id", "=", page.ownerId)
    .where(ownerIsThere(page.ownerId))
    .$if(kind !== undefined, (query) => query.where("kind", "=", kind ?? ""))
    .$if(status !== undefined, (query) => query.where("status", "=", status ?? "QUEUED"))
    .$if(after !== undefined, (query) => query.where("id", "<", after ?? ""))
    .orderBy("id", "desc")
    .limit(page.limit)
    .execute();
}

/** A job while it is changed. */
export interface LockedJob extends Job {
  run: number;
  open: number;
  inFlight: number;
  onlyMissing: boolean;
}

/**
 * Locks a job until the transaction ends. Whoever changes anything of a job does this first, and locks several in the
 * order of their ids.
 */
export async function lockJob(trx: Store, jobId: string): Promise<LockedJob | undefined> {
  return trx
    .selectFrom("jobs")
    .select([...columns, "run", "open", "in_flight as inFlight", "only_missing as onlyMissing"])
    .where("id", "=", jobId)
    .forUpdate()
    .executeTakeFirst();
}

/** Some of the work of jobs has begun. Rows that say so already are not touched. */
export async function markRunning(db: Store, jobIds: readonly string[]): Promise<void> {
  await db
    .updateTable("jobs")
    .set({ status: "RUNNING", error: "", started_at: sql<Date>`coalesce(started_at, now())` })
    .where("id", "=", sql<string>`any(${[...jobIds]}::uuid[])`)
    .where("status", "in", ["QUEUED", "STALLED"])
    .execute();
}

/** Jobs of a deleted owner are gone at once, however long their rows take. */
export function ownerIsThere(ownerId: string) {
  return sql<boolean>`not exists (select from library.deleted_owners where user_id = ${ownerId})`;
}
