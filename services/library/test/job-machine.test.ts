import { events, eventsV1 } from "@ocelli/contracts";
import fc from "fast-check";
import { sql } from "kysely";
import { afterAll, beforeAll, expect, test } from "vitest";
import { isEnded, type JobStatus, parseRun } from "../src/job.ts";
import type { StageStatus } from "../src/photo.ts";
import type { StageEnd } from "../src/store/stages.ts";
import { type JobWorld, type Request, reasonOf, startJobWorld, worldLimits } from "./job-world.ts";

let world: JobWorld;
beforeAll(async () => {
  world = await startJobWorld({ window: 2, maxActive: 1000 });
});
afterAll(() => world?.close());

interface Counts {
  status: JobStatus;
  run: number;
  total: number;
  open: number;
  in_flight: number;
  done: number;
  failed: number;
  finished: boolean;
}

async function counts(jobId: string): Promise<Counts> {
  const { rows } = await sql<Counts>`
    select status, run, total, open, in_flight, done, failed, finished_at is not null as finished
    from library.jobs where id = ${jobId}`.execute(world.database.db);
  const [row] = rows;
  if (!row) throw new Error("the job is gone");
  return row;
}

/** The same figures made anew from items and stages. */
async function recount(jobId: string): Promise<unknown> {
  const { rows } = await sql`
    select count(*)::int as total,
      count(*) filter (where status in ('QUEUED', 'RUNNING'))::int as open,
      count(*) filter (where status = 'RUNNING')::int as in_flight,
      count(*) filter (where status = 'SUCCEEDED')::int as done,
      count(*) filter (where status = 'FAILED')::int as failed
    from library.job_items where job_id = ${jobId}`.execute(world.database.db);
  return rows[0];
}

/** Items whose own counts or status are not what their stages say. */
async function wrongItems(jobId: string): Promise<unknown[]> {
  const { rows } = await sql`
    select i.position, i.status, i.open, i.failed, i.skipped, array_agg(s.stage || ' ' || s.status)
    from library.job_items i left join library.job_stages s on s.job_id = i.job_id and s.position = i.position
    where i.job_id = ${jobId} and i.photo_id is not null
    group by i.job_id, i.position
    having i.open <> count(*) filter (where s.status in ('PENDING', 'RUNNING'))
      or i.failed <> count(*) filter (where s.status = 'FAILED')
      or (i.status = 'SUCCEEDED' and (i.skipped > 0 or not bool_and(coalesce(s.status in ('SUCCEEDED', 'SKIPPED'), false))))
      or (i.status = 'RUNNING') <> (i.open > 0 and i.status <> 'QUEUED')`.execute(world.database.db);
  return rows;
}

async function finishedEvents(jobId: string): Promise<string[]> {
  const rows = await world.database.db
    .selectFrom("outbox")
    .select("payload")
    .where("subject", "=", events.jobFinished.subject)
    .orderBy("id")
    .execute();
  const all = rows.map(({ payload }) => eventsV1.JobFinished.decode(payload));
  return all.filter((each) => each.jobId === jobId).map(({ status }) => status);
}

type Action =
  | { type: "end"; pick: number; status: StageEnd["status"]; twice: boolean; first: boolean }
  | { type: "begin"; pick: number }
  | { type: "cancel" | "retry" | "sweep" | "late-sweep" | "delete-photo" };

const end = fc.record({
  type: fc.constant("end" as const),
  pick: fc.nat(),
  status: fc.constantFrom(
    "SUCCEEDED" as const,
    "SUCCEEDED" as const,
    "SUCCEEDED" as const,
    "FAILED" as const,
    "SKIPPED" as const,
  ),
  twice: fc.boolean(),
  first: fc.boolean(),
});
const action: fc.Arbitrary<Action> = fc.oneof(
  { weight: 12, arbitrary: end },
  { weight: 2, arbitrary: fc.record({ type: fc.constant("begin" as const), pick: fc.nat() }) },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constantFrom(
        "cancel" as const,
        "retry" as const,
        "retry" as const,
        "sweep" as const,
        "late-sweep" as const,
        "late-sweep" as const,
        "delete-photo" as const,
      ),
    }),
  },
);
const set = fc.record({
  photos: fc.integer({ min: 1, max: 5 }),
  status: fc.constantFrom<StageStatus>("PENDING", "SUCCEEDED", "FAILED", "RUNNING", "SKIPPED"),
  stages: fc.subarray(["scene", "faces", "people", "ocr", "caption", "index"], { minLength: 1 }),
  onlyMissing: fc.boolean(),
  actions: fc.array(action, { maxLength: 25 }),
});

/** One job through a list of things that happen to it. */
class Scenario {
  readonly owner = crypto.randomUUID();
  photoIds: string[] = [];
  jobId = "";
  stages: string[] = [];
  finished = 0;

  async start(photos: number, status: StageStatus, stages: string[], onlyMissing: boolean): Promise<void> {
    this.photoIds = await world.addPhotos(this.owner, photos, status);
    const request = { photoIds: this.photoIds, albumId: "", stages, kind: "", onlyMissing, refused: [] };
    const job = await world.jobs.create(this.owner, request);
    this.jobId = job.id;
    this.stages = job.stages;
    await this.check(undefined);
  }

  /** What was ever asked for, and the first analysis of every stage. */
  async deliverable(): Promise<Request[]> {
    const first = this.photoIds.flatMap((photoId) =>
      this.stages.map((stage) => ({ photoId, stage, requestId: "" })),
    );
    return [...(await world.requests(this.jobId)), ...first];
  }

  async perform(what: Action): Promise<void> {
    const before = await counts(this.jobId);
    const all = await this.deliverable();
    if (what.type === "end") {
      const asked = all.filter(({ requestId }) => requestId !== "");
      const from = what.first || asked.length === 0 ? all : asked;
      const request = from[what.pick % from.length];
      const eventId = crypto.randomUUID();
      for (let delivery = 0; request && delivery < (what.twice ? 2 : 1); delivery += 1)
        await world.end(this.owner, request, what.status, eventId);
    } else if (what.type === "begin") {
      const request = all[what.pick % all.length];
      if (request) await world.begin(this.owner, request.photoId, [request.stage]);
    } else if (what.type === "cancel") {
      const reason = await reasonOf(world.jobs.cancel(this.owner, this.jobId));
      expect(reason).toBe(isEnded(before.status) ? "JOB_ENDED" : "accepted");
    } else if (what.type === "retry") {
      const reason = await reasonOf(world.jobs.retry(this.owner, this.jobId));
      if (!isEnded(before.status) || before.open > 0) expect(reason).toBe("JOB_RUNNING");
      else expect(reason).toBe(before.failed > 0 ? "accepted" : "NOTHING_FAILED");
      if (reason === "accepted") return this.check(undefined);
    } else if (what.type === "delete-photo") {
      const photoId = this.photoIds[0] ?? "";
      await world.database.db.deleteFrom("photos").where("id", "=", photoId).execute();
    } else {
      await world.age(what.type === "sweep" ? 2_000 : worldLimits.stageLeaseMs + 1);
      await world.sweeper.sweep();
    }
    await this.check(before);
  }

  /** @param before - counts that must not be left by an ended job. */
  async check(before: Counts | undefined): Promise<void> {
    const now = await counts(this.jobId);
    const { status, run, finished, ...figures } = now;
    expect(figures).toEqual(await recount(this.jobId));
    expect(await wrongItems(this.jobId)).toEqual([]);
    expect(now.in_flight).toBeLessThanOrEqual(2);
    expect(finished).toBe(isEnded(status));
    if (!finished) expect(now.open).toBeGreaterThan(0);
    if (before && isEnded(before.status)) expect([status, run]).toEqual([before.status, before.run]);
    const told = await finishedEvents(this.jobId);
    // One for each run that ended, and none for one that did not.
    expect(told).toHaveLength(finished ? run : run - 1);
    if (finished) expect(told.at(-1)).toBe(status);
  }

  /** From wherever it stands, a job ends when the services answer, and when they do not. */
  async runOut(answering: boolean): Promise<void> {
    for (let round = 0; round < 40 && (await counts(this.jobId)).open > 0; round += 1) {
      const { run } = await counts(this.jobId);
      if (answering) {
        for (const request of await this.deliverable()) {
          const asked = parseRun(request.requestId);
          if (!asked || asked.run === run) await world.end(this.owner, request, "SUCCEEDED");
        }
      }
      await world.age(worldLimits.stageLeaseMs + 1);
      await world.sweeper.sweep();
    }
    await this.check(undefined);
    expect((await counts(this.jobId)).open).toBe(0);
  }
}

test("counts are right, ends are final, and each run is told once, whatever happens in whatever order", async () => {
  await fc.assert(
    fc.asyncProperty(
      set,
      fc.boolean(),
      async ({ photos, status, stages, onlyMissing, actions }, answering) => {
        const scenario = new Scenario();
        await scenario.start(photos, status, stages, onlyMissing);
        for (const each of actions) await scenario.perform(each);
        await scenario.runOut(answering);
      },
    ),
    { numRuns: Number(process.env.JOB_RUNS ?? 25), endOnFailure: true },
  );
}, 240_000);
