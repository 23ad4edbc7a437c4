import { AppError, type Database, migrate, newEventId, openDatabase } from "@ocelli/chassis";
import { events, eventsV1, stages as stageTree } from "@ocelli/contracts";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { parseRun } from "../src/job.ts";
import { createJobProgress, type JobProgress } from "../src/job-progress.ts";
import { createJobSweeper, type JobSweeper } from "../src/job-sweeper.ts";
import { createJobs, type Jobs } from "../src/jobs.ts";
import type { StageStatus } from "../src/photo.ts";
import { markRunning } from "../src/store/jobs.ts";
import { migrations } from "../src/store/migrations/index.ts";
import { type StageEnd, startStages } from "../src/store/stages.ts";
import type { LibraryTables } from "../src/store/tables.ts";

/** The names of all stages. */
export const stageNames = stageTree.map(({ name }) => name);

/** What a service was asked to do. */
export interface Request {
  photoId: string;
  stage: string;
  requestId: string;
}

/** The job rules on a real store, without the services: tests play these. */
export interface JobWorld {
  database: Database<LibraryTables>;
  jobs: Jobs;
  progress: JobProgress;
  sweeper: JobSweeper;
  /** Adds photos whose stages stand as given. */
  addPhotos(owner: string, count: number, status: StageStatus): Promise<string[]>;
  /** All that services were ever asked for, oldest first. */
  requests(jobId: string): Promise<Request[]>;
  /** Delivers how a stage ended; the same event id again is a redelivery. */
  end(owner: string, request: Request, status: StageEnd["status"], eventId?: string): Promise<void>;
  /** A service fetches the photo for some stages. */
  begin(owner: string, photoId: string, stages: string[]): Promise<void>;
  /** Makes everything look untouched for some time. */
  age(ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Limits of a {@link JobWorld}. */
export const worldLimits = {
  stageLeaseMs: 60_000,
  maxJobRequeues: 2,
  jobSweepMs: 1_000,
  jobRetentionMs: 3_600_000,
};

/** Starts a world; some seconds go into the database. */
export async function startJobWorld(options: { window: number; maxActive?: number }): Promise<JobWorld> {
  const embedded = await startEmbeddedDatabase();
  const database = openDatabase<LibraryTables>({ url: embedded.url, schema: "library" });
  await migrate(database, migrations);
  const { db } = database;
  const relay = { kick: () => undefined };
  const feed = { hint: () => undefined };
  const log = { warn: (...args: unknown[]) => console.warn(...args) };
  // Only what is used of a logger.
  const silent = log as unknown as Parameters<typeof createJobProgress>[0]["log"];
  const now = () => new Date();
  const progress = createJobProgress({ database, relay, feed, log: silent, now, window: options.window });
  const sweeper = createJobSweeper({ database, relay, feed, progress, log: silent, limits: worldLimits });
  const newId = newEventId;
  const jobs = createJobs({ database, progress, newId, maxActive: options.maxActive ?? 20 });

  return {
    database,
    jobs,
    progress,
    sweeper,
    async addPhotos(owner, count, status) {
      const ids = Array.from({ length: count }, newId);
      for (const id of ids) {
        const sha256 = id.replaceAll("-", "").padEnd(64, "0");
        const created = new Date();
        await db
          .insertInto("images")
          .values({ sha256, media_type: "image/jpeg", width: 4, height: 3, size_bytes: 1 } as never)
          .execute();
        const photo = { id, owner_id: owner, sha256, filename: "a.jpg", created_at: created };
        await db
          .insertInto("photos")
          .values({ ...photo, captured_at: created } as never)
          .execute();
        await db
          .insertInto("photo_stages")
          .values(stageNames.map((stage) => ({ photo_id: id, owner_id: owner, stage, status })))
          .execute();
      }
      return ids;
    },
    async requests(jobId) {
      const rows = await db
        .selectFrom("outbox")
        .select("payload")
        .where("subject", "=", events.photoStagesRequested.subject)
        .orderBy("id")
        .execute();
      return rows.flatMap(({ payload }) => {
        const message = eventsV1.PhotoStagesRequested.decode(payload);
        if (message.jobId !== jobId) return [];
        const { photoId = "", requestId = "" } = message.photo ?? {};
        return message.stages.map((stage) => ({ photoId, stage, requestId }));
      });
    },
    async end(owner, { photoId, stage, requestId }, status, eventId = newId()) {
      const error = status === "FAILED" ? "BROKEN: The model broke." : "";
      const run = parseRun(requestId);
      const end = { photoId, ownerId: owner, stage, status, attempts: 1, error, model: "m", ms: 1, run };
      const claim = { consumer: "library-stages", eventId };
      await progress.end(end, claim, (effect) =>
        db.transaction().execute(async (trx) => {
          const claimed = await trx
            .insertInto("inbox")
            .values({ consumer: claim.consumer, event_id: eventId })
            .onConflict((conflict) => conflict.doNothing())
            .returning("event_id")
            .executeTakeFirst();
          if (claimed) await effect(trx);
          return claimed !== undefined;
        }),
      );
    },
    async begin(owner, photoId, stages) {
      const started = await startStages(db, owner, photoId, stages);
      if (started && started.jobIds.length > 0) await markRunning(db, started.jobIds);
    },
    async age(ms) {
      const earlier = (column: string) => `${column} = ${column} - interval '${ms} milliseconds'`;
      const { sql } = await import("kysely");
      await sql.raw(`update library.photo_stages set ${earlier("updated_at")}`).execute(db);
      await sql
        .raw(`update library.job_stages set ${earlier("asked_at")}, ${earlier("started_at")}`)
        .execute(db);
      await sql.raw(`update library.jobs set ${earlier("swept_at")}`).execute(db);
      await sql.raw(`update library.stage_progress set ${earlier("ended_at")}`).execute(db);
    },
    async close() {
      await sweeper.stop();
      await progress.stop();
      await database.close();
      await embedded.close();
    },
  };
}

/** The reason a call was refused for. */
export async function reasonOf(call: Promise<unknown>): Promise<string> {
  return call.then(
    () => "accepted",
    (error: unknown) => AppError.from(error).reason,
  );
}
