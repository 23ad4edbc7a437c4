import { type Kysely, sql } from "kysely";
import type { JobRun, JobStatus } from "../job.ts";
import type { StageStatus } from "../photo.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** A stage of an item of a job that ended. */
export interface ItemEnd {
  position: number;
  stage: string;
  status: Extract<StageStatus, "SUCCEEDED" | "FAILED" | "SKIPPED">;
  /** Skipped because the job was cancelled; what its service skips, since it does not apply, is as good as done. */
  cancelled?: true;
  attempts: number;
  error: string;
  model: string;
  ms: number;
}

/** An open stage of an item. */
export interface OpenStage {
  jobId: string;
  position: number;
  stage: string;
  askedAt: Date;
}

/** The jobs that wait for a stage of a photo which was on its way anyhow. */
export async function findWatchers(db: Store, photoId: string, stage: string): Promise<OpenStage[]> {
  return openStages(db, photoId, stage).where("asked", "=", "WATCHED").execute();
}

/** The stage of a photo that a run of a job waits for; undefined for what an earlier run asked for. */
export async function findAsked(
  db: Store,
  run: JobRun,
  photoId: string,
  stage: string,
): Promise<OpenStage | undefined> {
  return openStages(db, photoId, stage)
    .where("job_id", "=", run.jobId)
    .where(({ exists, selectFrom }) =>
      exists(
        selectFrom("jobs")
          .select("id")
          .whereRef("jobs.id", "=", "job_stages.job_id")
          .where("run", "=", run.run),
      ),
    )
    .executeTakeFirst();
}

function openStages(db: Store, photoId: string, stage: string) {
  return (
    db
      .selectFrom("job_stages")
      .select(["job_id as jobId", "position", "stage", "asked_at as askedAt"])
      .where("photo_id", "=", photoId)
      .where("stage", "=", stage)
      // Literals, as in the partial index.
      .where(sql<boolean>`status in ('PENDING', 'RUNNING')`)
  );
}

/**
 * Ends stages of items of a locked job, and counts: each stage in its item, each item that has no open stage left in the
 * job. Stages that had ended before are passed over, so that nothing is counted twice. Costs the same in a job of any
 * size.
 */
export async function endItemStages(trx: Store, jobId: string, ends: readonly ItemEnd[]): Promise<void> {
  if (ends.length === 0) return;
  await sql`
    with ended as (
      update library.job_stages s
      set status = e.status, attempts = greatest(s.attempts, e.attempts), error = e.error, model = e.model, ms = e.ms,
          started_at = case when e.status = 'SKIPPED' then s.started_at else coalesce(s.started_at, s.asked_at) end,
          ended_at = clock_timestamp()
      from jsonb_to_recordset(${JSON.stringify(ends)}::jsonb)
        as e (position integer, stage text, status text, cancelled boolean, attempts integer, error text, model text,
          ms float8)
      where s.job_id = ${jobId} and s.position = e.position and s.stage = e.stage
        and s.status in ('PENDING', 'RUNNING')
      returning s.position, s.status, e.cancelled
    ), per_item as (
      select position, count(*)::integer as n, count(*) filter (where status = 'FAILED')::integer as failed,
        count(*) filter (where cancelled)::integer as skipped
      from ended group by position
    ), item as (
      update library.job_items i
      set open = i.open - p.n, failed = i.failed + p.failed, skipped = i.skipped + p.skipped,
          status = case when i.open > p.n then 'RUNNING' when i.failed + p.failed > 0 then 'FAILED'
                        when i.skipped + p.skipped > 0 then 'CANCELLED' else 'SUCCEEDED' end
      from per_item p
      where i.job_id = ${jobId} and i.position = p.position
      returning i.status
    ), counted as (
      select count(*)::integer as n, count(*) filter (where status = 'SUCCEEDED')::integer as done,
        count(*) filter (where status = 'FAILED')::integer as failed
      from item where status <> 'RUNNING'
    )
    update library.jobs j
    set open = j.open - c.n, in_flight = j.in_flight - c.n, done = j.done + c.done, failed = j.failed + c.failed,
        started_at = coalesce(j.started_at, clock_timestamp()),
        status = case when j.status in ('QUEUED', 'STALLED') then 'RUNNING' else j.status end,
        error = case when j.status = 'STALLED' then '' else j.error end
    from counted c
    where j.id = ${jobId} and exists (select from ended)`.execute(trx);
}

/** How a job ended. */
export interface JobEnd {
  ownerId: string;
  status: Extract<JobStatus, "SUCCEEDED" | "FAILED" | "CANCELLED">;
}

/** Ends a locked job that has nothing open any more, once; undefined when it has, or had ended before. */
export async function finishJob(trx: Store, jobId: string): Promise<JobEnd | undefined> {
  const { rows } = await sql<JobEnd>`
    update library.jobs j
    set status = case when failed > 0 then 'FAILED' when done < total then 'CANCELLED' else 'SUCCEEDED' end,
        error = coalesce((
          select coalesce(nullif(i.error, ''), (
            select s.error from library.job_stages s
            where s.job_id = i.job_id and s.position = i.position and s.status = 'FAILED' order by s.ended_at limit 1
          )) from library.job_items i where i.job_id = j.id and i.status = 'FAILED' order by i.position limit 1
        ), ''),
        finished_at = clock_timestamp()
    where id = ${jobId} and open = 0 and finished_at is null
    returning owner_id as "ownerId", status`.execute(trx);
  return rows[0];
}
