import { type Kysely, sql } from "kysely";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/**
 * Cancels what a locked job has not asked for: photos it did not get to, and stages that were still to come. What was
 * asked for stays open and is counted when it ends; the job itself is over.
 */
export async function cancelJob(trx: Store, jobId: string): Promise<void> {
  await sql`
    update library.job_stages s set status = 'SKIPPED', ended_at = clock_timestamp()
    from library.job_items i
    where i.job_id = ${jobId} and i.status = 'QUEUED'
      and s.job_id = i.job_id and s.position = i.position and s.status in ('PENDING', 'RUNNING')`.execute(
    trx,
  );
  await sql`
    with item as (
      update library.job_items set status = 'CANCELLED', open = 0
      where job_id = ${jobId} and status = 'QUEUED'
      returning position
    )
    update library.jobs
    set open = open - (select count(*) from item)::integer, status = 'CANCELLED', error = '',
        finished_at = clock_timestamp()
    where id = ${jobId}`.execute(trx);
}

/** The open stages of a locked job's photos that it has not asked for. */
export async function findUnasked(trx: Store, jobId: string): Promise<{ position: number; stage: string }[]> {
  return trx
    .selectFrom("job_stages")
    .select(["position", "stage"])
    .where("job_id", "=", jobId)
    .where(sql<boolean>`status in ('PENDING', 'RUNNING')`)
    .where("asked", "=", "NO")
    .execute();
}

/** Makes the failed stages of a locked job wait once more, as a new run. @returns photos that have such stages. */
export async function reopenFailed(trx: Store, jobId: string): Promise<number> {
  const { rows } = await sql<{ photos: number }>`
    with stage as (
      update library.job_stages
      set status = 'PENDING', asked = 'NO', attempts = 0, error = '', requeues = 0, started_at = null, ended_at = null
      where job_id = ${jobId} and status = 'FAILED'
      returning position
    ), per_item as (
      select position, count(*)::integer as n from stage group by position
    ), item as (
      update library.job_items i set status = 'QUEUED', open = p.n, failed = 0
      from per_item p where i.job_id = ${jobId} and i.position = p.position
      returning i.position
    ), counted as (
      select count(*)::integer as n from item
    )
    update library.jobs j
    set status = 'QUEUED', run = run + 1, open = j.open + c.n, failed = j.failed - c.n, requeues = 0, error = '',
        started_at = null, finished_at = null, swept_at = now()
    from counted c where j.id = ${jobId} and c.n > 0
    returning c.n as photos`.execute(trx);
  return rows[0]?.photos ?? 0;
}
