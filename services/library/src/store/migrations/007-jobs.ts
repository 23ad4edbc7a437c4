import { type Kysely, sql } from "kysely";

const jobStatuses = sql`status in ('QUEUED', 'RUNNING', 'STALLED', 'SUCCEEDED', 'FAILED', 'CANCELLED')`;
const openStage = sql<boolean>`status in ('PENDING', 'RUNNING')`;

/** Jobs, their photos and stages; and what stages of photos need to be watched and healed. */
export const jobsMigration = {
  async up(db: Kysely<unknown>): Promise<void> {
    await createJobs(db);
    await createItems(db);
    await createJobStages(db);
    await db.schema
      .createTable("stage_progress")
      .addColumn("stage", "text", (column) => column.primaryKey())
      .addColumn("ended_at", "timestamptz", (column) => column.notNull())
      .addColumn("asked_at", "timestamptz", (column) => column.notNull())
      .execute();
    await db.schema
      .alterTable("photo_stages")
      // A job waits for this stage: the event that ends it has more to do.
      .addColumn("watched", "boolean", (column) => column.notNull().defaultTo(false))
      // How often it was asked for again because it did not move.
      .addColumn("requeues", "integer", (column) => column.notNull().defaultTo(0))
      .execute();
  },
};

async function createJobs(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("jobs")
    .addColumn("id", "uuid", (column) => column.primaryKey())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("request_id", "uuid", (column) => column.notNull())
    .addColumn("kind", "text", (column) => column.notNull())
    .addColumn("stages", sql`text[]`, (column) => column.notNull())
    .addColumn("only_missing", "boolean", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull().check(jobStatuses))
    .addColumn("run", "integer", (column) => column.notNull().defaultTo(1))
    .addColumn("total", "integer", (column) => column.notNull())
    .addColumn("open", "integer", (column) => column.notNull().check(sql`open >= 0`))
    .addColumn("in_flight", "integer", (column) => column.notNull().defaultTo(0).check(sql`in_flight >= 0`))
    .addColumn("done", "integer", (column) => column.notNull().defaultTo(0).check(sql`done >= 0`))
    .addColumn("failed", "integer", (column) => column.notNull().defaultTo(0).check(sql`failed >= 0`))
    .addColumn("requeues", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("error", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("created_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addColumn("started_at", "timestamptz")
    .addColumn("finished_at", "timestamptz")
    .addColumn("swept_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addUniqueConstraint("jobs_owner_request_key", ["owner_id", "request_id"])
    .execute();
  await db.schema.createIndex("jobs_owner_id_idx").on("jobs").columns(["owner_id", "id desc"]).execute();
  // Both hold only what is in hand, whatever the history.
  await db.schema
    .createIndex("jobs_active")
    .on("jobs")
    .column("owner_id")
    .where(sql.ref("finished_at"), "is", null)
    .execute();
  await db.schema
    .createIndex("jobs_to_sweep")
    .on("jobs")
    .column("swept_at")
    .where(sql.ref("open"), ">", sql.lit(0))
    .execute();
  await db.schema.createIndex("jobs_finished_at_idx").on("jobs").column("finished_at").execute();
}

async function createItems(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("job_items")
    .addColumn("job_id", "uuid", (column) =>
      column.notNull().references("library.jobs.id").onDelete("cascade"),
    )
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("photo_id", "uuid")
    .addColumn("filename", "text", (column) => column.notNull())
    .addColumn("status", "text", (column) => column.notNull().check(jobStatuses))
    .addColumn("open", "integer", (column) => column.notNull().defaultTo(0).check(sql`open >= 0`))
    .addColumn("failed", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("skipped", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("error", "text", (column) => column.notNull().defaultTo(""))
    .addPrimaryKeyConstraint("job_items_pkey", ["job_id", "position"])
    .execute();
  await db.schema
    .createIndex("job_items_waiting")
    .on("job_items")
    .columns(["job_id", "position"])
    .where(sql.ref("status"), "=", sql.lit("QUEUED"))
    .execute();
  await db.schema.createIndex("job_items_owner_id_idx").on("job_items").column("owner_id").execute();
}

async function createJobStages(db: Kysely<unknown>): Promise<void> {
  await db.schema
    .createTable("job_stages")
    .addColumn("job_id", "uuid", (column) => column.notNull())
    .addColumn("position", "integer", (column) => column.notNull())
    .addColumn("stage", "text", (column) => column.notNull())
    .addColumn("owner_id", "uuid", (column) => column.notNull())
    .addColumn("photo_id", "uuid", (column) => column.notNull())
    .addColumn("asked", "text", (column) =>
      column.notNull().check(sql`asked in ('NO', 'WATCHED', 'REQUESTED')`),
    )
    .addColumn("status", "text", (column) =>
      column.notNull().check(sql`status in ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'SKIPPED')`),
    )
    .addColumn("attempts", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("error", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("model", "text", (column) => column.notNull().defaultTo(""))
    .addColumn("ms", "double precision", (column) => column.notNull().defaultTo(0))
    .addColumn("requeues", "integer", (column) => column.notNull().defaultTo(0))
    .addColumn("asked_at", "timestamptz", (column) => column.notNull().defaultTo(sql`now()`))
    .addColumn("started_at", "timestamptz")
    .addColumn("ended_at", "timestamptz")
    .addPrimaryKeyConstraint("job_stages_pkey", ["job_id", "position", "stage"])
    .addForeignKeyConstraint(
      "job_stages_item_fkey",
      ["job_id", "position"],
      "library.job_items",
      ["job_id", "position"],
      (constraint) => constraint.onDelete("cascade"),
    )
    .execute();
  // What is in hand: at most a window of photos of each active job.
  await db.schema
    .createIndex("job_stages_open_by_photo")
    .on("job_stages")
    .columns(["photo_id", "stage"])
    .where(openStage)
    .execute();
  await db.schema
    .createIndex("job_stages_open_by_job")
    .on("job_stages")
    .columns(["job_id", "position"])
    .where(openStage)
    .execute();
  await db.schema.createIndex("job_stages_owner_id_idx").on("job_stages").column("owner_id").execute();
}
