import { stages as stageTree } from "@ocelli/contracts";
import { type Kysely, sql } from "kysely";
import type { StageStatus } from "../photo.ts";
import type { LockedJob } from "./jobs.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** An item that a job has not got to. */
export interface WaitingItem {
  position: number;
  photoId: string;
  /** Stages of an earlier run are there. */
  begun: boolean;
}

/** The items of a job whose turn it is. */
export async function nextItems(trx: Store, jobId: string, limit: number): Promise<WaitingItem[]> {
  const { rows } = await sql<WaitingItem>`
    select i.position, i.photo_id as "photoId",
      exists (select from library.job_stages s where s.job_id = i.job_id and s.position = i.position) as begun
    from library.job_items i
    where i.job_id = ${jobId} and i.status = 'QUEUED'
    order by i.position
    limit ${limit}`.execute(trx);
  return rows;
}

/** A stage of a photo as a job finds it. */
export interface FoundStage {
  photoId: string;
  stage: string;
  status: StageStatus;
  attempts: number;
  model: string;
  ms: number;
  /** On its way: whoever ends it tells the jobs. */
  watched: boolean;
}

/**
 * Watches the stages of photos that are on their way, and tells of all. Whoever ends one of them at the same moment
 * either did so before, and it is not watched, or finds it watched.
 */
export async function watchStages(
  trx: Store,
  job: LockedJob,
  photoIds: readonly string[],
): Promise<FoundStage[]> {
  const of = sql`photo_id = any(${[...photoIds]}::uuid[]) and stage = any(${job.stages}::text[])
    and owner_id = ${job.ownerId}`;
  await sql`
    update library.photo_stages set watched = true where ${of} and status in ('PENDING', 'RUNNING')`.execute(
    trx,
  );
  const { rows } = await sql<FoundStage>`
    select photo_id as "photoId", stage, status, attempts, model, ms,
      watched and status in ('PENDING', 'RUNNING') as watched
    from library.photo_stages where ${of}`.execute(trx);
  return rows;
}

/** A stage of an item about to be begun. */
export interface NewItemStage {
  position: number;
  photo_id: string;
  stage: string;
  asked: "NO" | "WATCHED";
}

/** Begins items of a locked job: they are in flight from now on, with these stages open. */
export async function beginItems(
  trx: Store,
  job: LockedJob,
  positions: readonly number[],
  stages: readonly NewItemStage[],
): Promise<void> {
  await sql`
    with stage as (
      insert into library.job_stages (job_id, position, stage, owner_id, photo_id, asked, status)
      select ${job.id}, n.position, n.stage, ${job.ownerId}, n.photo_id, n.asked, 'PENDING'
      from jsonb_to_recordset(${JSON.stringify(stages)}::jsonb)
        as n (position integer, stage text, photo_id uuid, asked text)
      returning position
    ), added as (
      select position, count(*)::integer as n from stage group by position
    ), item as (
      update library.job_items i
      set status = 'RUNNING', open = i.open + coalesce((select n from added a where a.position = i.position), 0)
      where i.job_id = ${job.id} and i.position = any(${[...positions]}::integer[]) and i.status = 'QUEUED'
      returning i.position
    )
    update library.jobs set in_flight = in_flight + (select count(*) from item)::integer
    where id = ${job.id}`.execute(trx);
}

/** A stage to ask for. */
export interface AskedStage {
  photoId: string;
  stage: string;
}

const needs = stageTree.flatMap(({ name, needs }) => needs.map((need) => [name, need] as const));

/**
 * Marks the stages of items as asked for that nothing else open of the same item has to come before, and makes the
 * photos' own stages wait for them. The caller sends the requests.
 */
export async function askNext(
  trx: Store,
  job: LockedJob,
  positions: readonly number[] | "all",
): Promise<AskedStage[]> {
  const wanted = positions === "all" ? sql`true` : sql`s.position = any(${[...positions]}::integer[])`;
  const { rows } = await sql<AskedStage>`
    update library.job_stages s set asked = 'REQUESTED', asked_at = clock_timestamp()
    where s.job_id = ${job.id} and ${wanted}
      and s.status in ('PENDING', 'RUNNING') and s.asked = 'NO'
      and not exists (
        select from unnest(${needs.map(([stage]) => stage)}::text[], ${needs.map(([, need]) => need)}::text[])
          as d (stage, need)
        join library.job_stages n on n.job_id = s.job_id and n.position = s.position and n.stage = d.need
        where d.stage = s.stage and n.status in ('PENDING', 'RUNNING')
      )
    returning s.photo_id as "photoId", s.stage`.execute(trx);
  if (rows.length > 0) await awaitStages(trx, job.ownerId, rows);
  return rows;
}

/** What failed or never was begins anew; what succeeded stays so until there is something better. */
async function awaitStages(trx: Store, ownerId: string, asked: readonly AskedStage[]): Promise<void> {
  await sql`
    insert into library.photo_stages as s (photo_id, owner_id, stage, status, watched)
    select p.id, p.owner_id, a.stage, 'PENDING', true
    from jsonb_to_recordset(${JSON.stringify(asked)}::jsonb) as a ("photoId" uuid, stage text)
    join library.photos p on p.id = a."photoId" and p.owner_id = ${ownerId}
    on conflict (photo_id, stage) do update set
      status = case when s.status in ('FAILED', 'SKIPPED') then 'PENDING' else s.status end,
      attempts = case when s.status in ('FAILED', 'SKIPPED') then 0 else s.attempts end,
      error = case when s.status in ('FAILED', 'SKIPPED') then '' else s.error end,
      watched = s.watched or s.status <> 'SUCCEEDED',
      updated_at = now()`.execute(trx);
}
