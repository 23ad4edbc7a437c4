import { type Kysely, sql } from "kysely";
import type { JobRun } from "../job.ts";
import type { StageStatus } from "../photo.ts";
import { feedData } from "./feed.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** How a stage of a photo ended. */
export interface StageEnd {
  photoId: string;
  ownerId: string;
  stage: string;
  /** SKIPPED where the stage does not apply: its service did not look. */
  status: Extract<StageStatus, "SUCCEEDED" | "FAILED" | "SKIPPED">;
  /** Attempts as far as the reporting service knows. */
  attempts: number;
  error: string;
  model: string;
  ms: number;
  /** Run of a job that asked for it. */
  run: JobRun | undefined;
}

/** Stages that were started. */
export interface StartedStages {
  sha256: string;
  /** Most attempts that any of the stages has had by now; 0 when all had succeeded and no job asks for them. */
  attempts: number;
  /** Jobs that wait for them. */
  jobIds: string[];
}

/**
 * Marks stages RUNNING and counts the attempt, in the same statement that checks whose photo it is.
 * A stage that succeeded keeps its state, except for the jobs that asked for it again.
 * @returns undefined when the owner has no such photo.
 */
export async function startStages(
  db: Store,
  ownerId: string,
  photoId: string,
  stages: readonly string[],
): Promise<StartedStages | undefined> {
  const { rows } = await sql<StartedStages>`
    with photo as (
      select id, sha256 from library.photos where id = ${photoId} and owner_id = ${ownerId}
        and not exists (select from library.deleted_owners where user_id = ${ownerId})
    ), started as (
      update library.photo_stages s
      set status = 'RUNNING', attempts = s.attempts + 1, updated_at = now()
      from photo
      where s.photo_id = photo.id and s.owner_id = ${ownerId}
        and s.stage = any(${[...stages]}::text[]) and s.status <> 'SUCCEEDED'
      returning s.attempts
    ), in_jobs as (
      update library.job_stages s
      set status = 'RUNNING', attempts = s.attempts + 1, started_at = coalesce(s.started_at, now())
      from photo
      where s.photo_id = photo.id and s.owner_id = ${ownerId}
        and s.stage = any(${[...stages]}::text[]) and s.status in ('PENDING', 'RUNNING') and s.asked <> 'NO'
      returning s.attempts, s.job_id
    )
    select sha256,
      greatest((select max(attempts) from started), (select max(attempts) from in_jobs), 0) as attempts,
      array(select distinct job_id from in_jobs) as "jobIds"
    from photo`.execute(db);
  return rows[0];
}

/** The event that says how a stage ended, as the inbox knows it. */
export interface EventClaim {
  consumer: string;
  eventId: string;
}

/**
 * Writes how a stage ended and tells the owner's feed, once per event: the claim in the inbox and the entry are part of
 * the statement, which spares the most frequent handler of all a transaction of six. Success is final: nothing that
 * comes late takes it back.
 *
 * Whether a job watches the stage stands in the stage's own row, which is locked before anything is claimed: the lock
 * shows the row as it is now, where a look at the jobs would show them as they were when the statement began.
 * @returns the id of the feed's entry, 0 when nothing changed; undefined, and nothing is claimed, when a job watches the
 *   stage or nobody has such a stage.
 */
export async function endStage(db: Store, end: StageEnd, claim: EventClaim): Promise<number | undefined> {
  const row = await db
    .with("unwatched", (from) =>
      from
        .selectFrom("photo_stages")
        .select("stage")
        .where("photo_id", "=", end.photoId)
        .where("owner_id", "=", end.ownerId)
        .where("stage", "=", end.stage)
        .where("watched", "=", false)
        .forUpdate(),
    )
    .with("claimed", (from) =>
      from
        .insertInto("inbox")
        .columns(["consumer", "event_id"])
        .expression(
          from
            .selectFrom("unwatched")
            .select([
              sql<string>`${claim.consumer}::text`.as("consumer"),
              sql<string>`${claim.eventId}::uuid`.as("event_id"),
            ]),
        )
        .onConflict((conflict) => conflict.columns(["consumer", "event_id"]).doNothing())
        .returning("event_id"),
    )
    .with("ended", (from) =>
      from
        .updateTable("photo_stages")
        .set(endedValues(end))
        .where("photo_id", "=", end.photoId)
        .where("owner_id", "=", end.ownerId)
        .where("stage", "=", end.stage)
        .where("status", "<>", "SUCCEEDED")
        .where((where) => where.exists(where.selectFrom("claimed").select("event_id")))
        .returning("owner_id"),
    )
    .with("head", (from) =>
      from
        .insertInto("feed_heads")
        .columns(["owner_id", "last_id"])
        .expression(from.selectFrom("ended").select(["owner_id", sql<number>`1`.as("last_id")]))
        .onConflict((conflict) =>
          conflict.column("owner_id").doUpdateSet({ last_id: sql<number>`feed_heads.last_id + 1` }),
        )
        .returning(["owner_id", "last_id"]),
    )
    .with("entry", (from) =>
      from
        .insertInto("feed")
        .columns(["owner_id", "id", "type", "at", "subject_id", "data"])
        .expression(
          from
            .selectFrom("head")
            .select(["owner_id", "last_id"])
            .select(sql<string>`'photo.stage'`.as("type"))
            .select(sql<Date>`clock_timestamp()`.as("at"))
            .select(sql<string>`${end.photoId}::text`.as("subject_id"))
            .select(sql<string>`${feedData(stageData(end))}::jsonb`.as("data")),
        )
        .returning("id"),
    )
    .selectFrom("unwatched")
    .select((from) => from.selectFrom("entry").select("id").as("entryId"))
    .executeTakeFirst();
  return row && (row.entryId ?? 0);
}

/**
 * Writes how a stage ended that jobs know of; the caller has claimed the event and locked these jobs. A stage that was
 * asked for again and succeeded, or does not apply any more, replaces what an earlier success said; a failure never does.
 * @returns whether anything changed, and what the stage is now; undefined when nobody has such a stage.
 */
export async function endKnownStage(
  trx: Store,
  end: StageEnd,
): Promise<{ changed: boolean; status: StageStatus; error: string; model: string; ms: number } | undefined> {
  const replaces = end.status !== "FAILED" && end.run !== undefined;
  const changed = await stageOf(trx, end)
    .$if(!replaces, (query) => query.where("status", "<>", "SUCCEEDED"))
    .set({ ...endedValues(end), watched: false })
    .returning(["status", "error", "model", "ms"])
    .executeTakeFirst();
  if (changed) return { ...changed, changed: true };
  const now = await stageOf(trx, end)
    .set({ watched: false })
    .returning(["status", "error", "model", "ms"])
    .executeTakeFirst();
  return now && { ...now, changed: false };
}

function stageOf(trx: Store, { photoId, ownerId, stage }: StageEnd) {
  return trx
    .updateTable("photo_stages")
    .where("photo_id", "=", photoId)
    .where("owner_id", "=", ownerId)
    .where("stage", "=", stage);
}

function endedValues(end: StageEnd) {
  return {
    status: end.status,
    attempts: sql<number>`greatest(attempts, ${end.attempts}::integer)`,
    error: end.error,
    model: end.model,
    ms: end.ms,
    updated_at: sql<Date>`now()`,
  };
}

/** What the owner's feed is told of an ended stage. */
export function stageData({ stage, status, model, ms, error }: StageEnd): Record<string, unknown> {
  return { stage, status, model, ms, error };
}

/** Keeps how many faces a scan found, null when nobody looked, unless its event was handled before: then a later scan may have found others. */
export async function saveFaceCount(
  db: Store,
  photo: { photoId: string; ownerId: string },
  faces: number | null,
  claim: EventClaim,
): Promise<void> {
  await db
    .updateTable("photos")
    .set({ face_count: faces })
    .where("id", "=", photo.photoId)
    .where("owner_id", "=", photo.ownerId)
    .where(({ exists, not, selectFrom }) =>
      not(
        exists(
          selectFrom("inbox")
            .select("event_id")
            .where("consumer", "=", claim.consumer)
            .where("event_id", "=", claim.eventId),
        ),
      ),
    )
    .execute();
}

/** Counts photos with unfinished stages over all owners, up to a limit so that a deep backlog costs no more. */
export async function countUnfinished(db: Store, limit: number): Promise<number> {
  const row = await db
    .selectFrom((from) =>
      from
        .selectFrom("photo_stages")
        .select("photo_id")
        .distinct()
        // Literals, as in the index: a parameter would hide that the partial index fits.
        .where("status", "in", [sql.lit<StageStatus>("PENDING"), sql.lit<StageStatus>("RUNNING")])
        .orderBy("photo_id")
        .limit(limit)
        .as("unfinished"),
    )
    .select((from) => from.fn.countAll<number>().as("photos"))
    .executeTakeFirstOrThrow();
  return row.photos;
}
