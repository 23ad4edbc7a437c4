import { stages as stageTree } from "@ocelli/contracts";
import { type Kysely, type RawBuilder, sql } from "kysely";
import type { StageAsked } from "../job.ts";
import type { StageStatus } from "../photo.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

const needs = stageTree.flatMap(({ name, needs }) => needs.map((need) => [name, need] as const));

/** Pairs of a stage and one that comes before it. */
const needed = sql`unnest(${sql.lit(`{${needs.map(([stage]) => stage).join(",")}}`)}::text[],
  ${sql.lit(`{${needs.map(([, need]) => need).join(",")}}`)}::text[]) as d (stage, need)`;

/** How long, in milliseconds, a stage has not moved, nor any that had to come before it. */
function restMs(moved: RawBuilder<unknown>): RawBuilder<number> {
  return sql`(extract(epoch from clock_timestamp() - greatest(${moved}, (
    select max(n.updated_at) from ${needed}
    join library.photo_stages n on n.photo_id = s.photo_id and n.stage = d.need
    where d.stage = s.stage
  ))) * 1000)::float8`;
}

/** How far a stage's service has come, as seen from one photo. */
export interface Standing {
  photoId: string;
  stage: string;
  /** Milliseconds since anything moved. */
  restMs: number;
  /** Milliseconds since the stage of any photo ended; null when none ever did. */
  silentMs: number | null;
  /** When what ended last was asked for. */
  frontier: Date | null;
  requeues: number;
  /** Of the last attempt. */
  error: string;
}

/** A stage that a job waits for. */
export interface WaitedStage extends Standing {
  position: number;
  asked: Exclude<StageAsked, "NO">;
  askedAt: Date;
  /** How the photo's own stage stands; null when the photo is gone. */
  photoStatus: StageStatus | null;
  attempts: number;
  model: string;
  ms: number;
}

/**
 * Takes some jobs that have open work and were not looked at for a while; replicas take different ones.
 * @returns their ids.
 */
export async function takeJobs(db: Store, olderThanMs: number, limit: number): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    update library.jobs set swept_at = clock_timestamp() where id in (
      select id from library.jobs
      where open > 0 and swept_at < clock_timestamp() - ${olderThanMs} * interval '1 millisecond'
      order by swept_at limit ${limit}
      for update skip locked
    ) returning id`.execute(db);
  return rows.map(({ id }) => id);
}

/** True for `s` unless a stage that has to come before it is on its way. */
const canRun = sql`not exists (
  select from ${needed} join library.photo_stages n on n.photo_id = s.photo_id and n.stage = d.need
  where d.stage = s.stage and n.status in ('PENDING', 'RUNNING')
)`;

/** What a locked job waits for, of its window of photos: what it asked for, and what it watches and could run now. */
export async function findWaited(trx: Store, jobId: string): Promise<WaitedStage[]> {
  const { rows } = await sql<WaitedStage>`
    select s.position, s.photo_id as "photoId", s.stage, s.asked, s.asked_at as "askedAt", s.requeues,
      ps.status as "photoStatus", coalesce(ps.attempts, 0) as attempts, coalesce(ps.model, '') as model,
      coalesce(ps.ms, 0) as ms, coalesce(ps.error, '') as error,
      ${restMs(sql`s.asked_at, s.started_at, ps.updated_at`)} as "restMs",
      (extract(epoch from clock_timestamp() - g.ended_at) * 1000)::float8 as "silentMs", g.asked_at as frontier
    from library.job_stages s
    left join library.photos p on p.id = s.photo_id and p.trashed_at is null
    left join library.photo_stages ps on ps.photo_id = p.id and ps.stage = s.stage
    left join library.stage_progress g on g.stage = s.stage
    where s.job_id = ${jobId} and s.status in ('PENDING', 'RUNNING')
      and (s.asked = 'REQUESTED' or s.asked = 'WATCHED' and (p.id is null or ${canRun}))
    order by s.position`.execute(trx);
  return rows;
}

/** Says that a locked job is stalled, and that some of its stages are asked for once more. */
export async function requeueStages(
  trx: Store,
  jobId: string,
  stages: readonly { position: number; stage: string }[],
  error: string,
): Promise<void> {
  await sql`
    with again as (
      update library.job_stages s set status = 'PENDING', requeues = s.requeues + 1, asked_at = clock_timestamp()
      from jsonb_to_recordset(${JSON.stringify(stages)}::jsonb) as e (position integer, stage text)
      where s.job_id = ${jobId} and s.position = e.position and s.stage = e.stage
    )
    update library.jobs set status = 'STALLED', requeues = requeues + 1, error = ${error}
    where id = ${jobId} and finished_at is null`.execute(trx);
}

/** A stage of a photo that no job waits for. */
export interface LooseStage extends Standing {
  ownerId: string;
  sha256: string;
}

/**
 * Stages of photos, of no job, that have rested for some time although nothing has to come before them; locked until the
 * transaction ends, and those that another replica holds are left out.
 * @param after - photo id after which to look; photos are looked at in turn.
 */
export async function takeLooseStages(
  trx: Store,
  after: string,
  leaseMs: number,
  limit: number,
): Promise<LooseStage[]> {
  const { rows } = await sql<LooseStage>`
    select s.photo_id as "photoId", s.owner_id as "ownerId", p.sha256, s.stage, s.requeues, s.error,
      ${restMs(sql`s.updated_at`)} as "restMs",
      (extract(epoch from clock_timestamp() - g.ended_at) * 1000)::float8 as "silentMs", g.asked_at as frontier
    from library.photo_stages s
    join library.photos p on p.id = s.photo_id and p.trashed_at is null
    left join library.stage_progress g on g.stage = s.stage
    where s.status in ('PENDING', 'RUNNING') and s.photo_id > ${after}
      and s.updated_at < clock_timestamp() - ${leaseMs} * interval '1 millisecond'
      and not exists (
        select from library.job_stages j
        where j.photo_id = s.photo_id and j.stage = s.stage and j.status in ('PENDING', 'RUNNING')
      )
      and ${canRun}
    order by s.photo_id
    limit ${limit}
    for update of s skip locked`.execute(trx);
  return rows;
}

/** Counts that stages are asked for once more. */
export async function countRequeues(
  trx: Store,
  stages: readonly { photoId: string; stage: string }[],
): Promise<void> {
  await sql`
    update library.photo_stages s set requeues = requeues + 1, updated_at = clock_timestamp()
    from jsonb_to_recordset(${JSON.stringify(stages)}::jsonb) as e ("photoId" uuid, stage text)
    where s.photo_id = e."photoId" and s.stage = e.stage`.execute(trx);
}

/** Remembers how far a stage has come; never goes back. */
export async function noteProgress(db: Store, stage: string, askedAt: Date): Promise<void> {
  await sql`
    insert into library.stage_progress as p (stage, ended_at, asked_at)
    values (${stage}, clock_timestamp(), ${askedAt})
    on conflict (stage) do update set
      ended_at = excluded.ended_at, asked_at = greatest(p.asked_at, excluded.asked_at)`.execute(db);
}

const rowsAtOnce = 5_000;

/** Deletes jobs that ended long ago, some thousand rows at a time. @returns true when more may be left. */
export async function purgeJobs(db: Store, retentionMs: number): Promise<boolean> {
  const { rows } = await sql<{ id: string }>`
    select id from library.jobs
    where finished_at < clock_timestamp() - ${retentionMs} * interval '1 millisecond'
    order by finished_at limit 1`.execute(db);
  const jobId = rows[0]?.id;
  if (jobId === undefined) return false;
  for (const table of ["job_stages", "job_items"]) {
    const name = sql.table(`library.${table}`);
    const { numAffectedRows = 0n } = await sql`
      delete from ${name} where ctid = any(array(
        select ctid from ${name} where job_id = ${jobId} limit ${rowsAtOnce}
      ))`.execute(db);
    if (numAffectedRows === BigInt(rowsAtOnce)) return true;
  }
  await db.deleteFrom("jobs").where("id", "=", jobId).execute();
  return true;
}
