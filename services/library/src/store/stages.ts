import { type Kysely, sql } from "kysely";
import type { StageStatus } from "../photo.ts";
import type { LibraryTables } from "./tables.ts";

type Store = Kysely<LibraryTables>;

/** How a stage of a photo ended. */
export interface StageEnd {
  photoId: string;
  ownerId: string;
  stage: string;
  status: Extract<StageStatus, "SUCCEEDED" | "FAILED">;
  /** Attempts as far as the reporting service knows. */
  attempts: number;
  error: string;
  model: string;
  ms: number;
}

/**
 * Marks stages RUNNING and counts the attempt, in the same statement that checks whose photo it is.
 * A stage that succeeded keeps its state.
 * @returns the SHA-256 of the photo and the most attempts any of the stages has had by now (0 when all had succeeded),
 *   or undefined when the owner has no such photo.
 */
export async function startStages(
  db: Store,
  ownerId: string,
  photoId: string,
  stages: readonly string[],
): Promise<{ sha256: string; attempts: number } | undefined> {
  const { rows } = await sql<{ sha256: string; attempts: number }>`
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
    )
    select sha256, (select coalesce(max(attempts), 0) from started) as attempts from photo`.execute(db);
  return rows[0];
}

/** The event that says how a stage ended, as the inbox knows it. */
export interface EventClaim {
  consumer: string;
  eventId: string;
}

/**
 * Writes how a stage ended, once per event: the claim in the inbox is part of the statement, which spares the most
 * frequent handler of all a transaction of four. Success is final: nothing that comes late takes it back.
 */
export async function endStage(db: Store, end: StageEnd, claim: EventClaim): Promise<void> {
  await db
    .with("claimed", (from) =>
      from
        .insertInto("inbox")
        .values({ consumer: claim.consumer, event_id: claim.eventId })
        .onConflict((conflict) => conflict.columns(["consumer", "event_id"]).doNothing())
        .returning("event_id"),
    )
    .updateTable("photo_stages")
    .set({
      status: end.status,
      attempts: sql<number>`greatest(attempts, ${end.attempts}::integer)`,
      error: end.error,
      model: end.model,
      ms: end.ms,
      updated_at: sql<Date>`now()`,
    })
    .where("photo_id", "=", end.photoId)
    .where("owner_id", "=", end.ownerId)
    .where("stage", "=", end.stage)
    .where("status", "<>", "SUCCEEDED")
    .where((where) => where.exists(where.selectFrom("claimed").select("event_id")))
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
