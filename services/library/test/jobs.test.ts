import { sql } from "kysely";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import type { JobRequest } from "../src/job-request.ts";
import type { StageEnd } from "../src/store/stages.ts";
import { type JobWorld, reasonOf, stageNames, startJobWorld, worldLimits } from "./job-world.ts";

let world: JobWorld;
let owner: string;
beforeAll(async () => {
  world = await startJobWorld({ window: 4, maxActive: 3 });
});
afterAll(() => world?.close());
beforeEach(() => {
  owner = crypto.randomUUID();
});

function request(photoIds: string[], more: Partial<JobRequest> = {}): JobRequest {
  return { photoIds, albumId: "", stages: [], kind: "", onlyMissing: false, refused: [], ...more };
}

async function endAll(jobId: string, status: StageEnd["status"] = "SUCCEEDED"): Promise<number> {
  let ended = 0;
  for (let known = -1; known < ended; ) {
    known = ended;
    const asked = await world.requests(jobId);
    for (const each of asked.slice(ended)) await world.end(owner, each, status);
    ended = asked.length;
  }
  return ended;
}

async function photoStages(photoId: string): Promise<Record<string, string>> {
  const query = world.database.db.selectFrom("photo_stages").select(["stage", "status"]);
  const rows = await query.where("photo_id", "=", photoId).execute();
  return Object.fromEntries(rows.map(({ stage, status }) => [stage, status]));
}

async function outbox(subject: string, photoId: string): Promise<number> {
  const { rows } = await sql<{ n: number }>`
    select count(*)::int as n from library.outbox
    where subject = ${subject} and position(${Buffer.from(photoId)}::bytea in payload) > 0`.execute(
    world.database.db,
  );
  return rows[0]?.n ?? 0;
}

describe("making a job", () => {
  test("refuses what cannot be, and names how many photos are unknown", async () => {
    const own = await world.addPhotos(owner, 2, "SUCCEEDED");
    const others = await world.addPhotos(crypto.randomUUID(), 1, "SUCCEEDED");
    const bad = [
      request([]),
      request(["nonsense"]),
      request(own, { stages: ["nonsense"] }),
      request(own, { albumId: crypto.randomUUID() }),
      request([], { albumId: crypto.randomUUID() }),
      request(own, { kind: "other" }),
      request(own, { requestId: "not a uuid" }),
      request(Array.from({ length: 10_001 }, () => crypto.randomUUID())),
      request([...own, ...others, crypto.randomUUID()]),
    ];
    for (const each of bad) expect(await reasonOf(world.jobs.create(owner, each))).toBe("INVALID_JOB");
    const mixed = world.jobs.create(owner, request([...own, ...others, crypto.randomUUID()]));
    await expect(mixed).rejects.toThrow("2 of 4 photos are unknown");
    expect((await world.jobs.list(owner, { kind: "", status: undefined }, page(0))).jobs).toEqual([]);
  });

  test("knows no photos in the trash", async () => {
    const [id = ""] = await world.addPhotos(owner, 1, "SUCCEEDED");
    await sql`update library.photos set trashed_at = now() where id = ${id}`.execute(world.database.db);
    expect(await reasonOf(world.jobs.create(owner, request([id])))).toBe("INVALID_JOB");
  });

  test("happens once per request, also when both arrive together, and up to a limit of active ones", async () => {
    const [id = ""] = await world.addPhotos(owner, 1, "SUCCEEDED");
    const requestId = crypto.randomUUID();
    const twice = await Promise.all(
      [0, 1].map(() => world.jobs.create(owner, request([id, id], { requestId }))),
    );
    expect(twice[0]?.id).toBe(twice[1]?.id);
    expect(twice[0]?.total).toBe(1);
    const stranger = crypto.randomUUID();
    const [theirs = ""] = await world.addPhotos(stranger, 1, "SUCCEEDED");
    expect((await world.jobs.create(stranger, request([theirs], { requestId }))).id).not.toBe(twice[0]?.id);
    await world.jobs.create(owner, request([id]));
    const third = await world.jobs.create(owner, request([id]));
    expect(await reasonOf(world.jobs.create(owner, request([id])))).toBe("TOO_MANY_JOBS");
    expect(await reasonOf(world.jobs.create(owner, request([id], { requestId })))).toBe("accepted");
    await world.jobs.cancel(owner, third.id);
    expect(await reasonOf(world.jobs.create(owner, request([id])))).toBe("accepted");
  });

  test("takes the owner's photos of an album", async () => {
    const photoIds = await world.addPhotos(owner, 3, "SUCCEEDED");
    const [albumId, other] = [crypto.randomUUID(), crypto.randomUUID()];
    const { db } = world.database;
    await sql`insert into library.albums (id, owner_id, name, created_at, updated_at)
      values (${albumId}, ${owner}, 'Album', now(), now())`.execute(db);
    await sql`insert into library.album_photos (album_id, photo_id, owner_id, added_at)
      select ${albumId}, id, ${owner}, now() from unnest(${photoIds.slice(0, 2)}::uuid[]) as id`.execute(db);
    const job = await world.jobs.create(owner, request([], { albumId, stages: ["ocr"] }));
    expect([job.total, job.stages]).toEqual([2, ["ocr"]]);
    expect(await reasonOf(world.jobs.create(other, request([], { albumId })))).toBe("INVALID_JOB");
  });

  test("ends at once when there is nothing to do, or every file was refused", async () => {
    const ids = await world.addPhotos(owner, 30, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request(ids, { onlyMissing: true }));
    await expect.poll(async () => (await world.jobs.get(owner, id)).status).toBe("SUCCEEDED");
    expect(await world.requests(id)).toEqual([]);
    const refused = [{ filename: "a.txt", error: "UNSUPPORTED_MEDIA_TYPE: No picture." }];
    const none = await world.jobs.create(owner, request([], { refused, kind: "detection" }));
    expect(none).toMatchObject({ status: "FAILED", failed: 1, total: 1, error: refused[0]?.error });
    expect(await reasonOf(world.jobs.retry(owner, none.id))).toBe("NOTHING_FAILED");
  });
});

const page = (pageSize: number, pageToken = "") => ({ pageSize, pageToken });

describe("a job under way", () => {
  test("asks for a window of photos, in the order of the stages, and for more as these end", async () => {
    const ids = await world.addPhotos(owner, 10, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request(ids, { stages: ["index", "caption", "scene"] }));
    const first = await world.requests(id);
    expect(first.map(({ stage }) => stage)).toEqual(["scene", "scene", "scene", "scene"]);
    for (const each of first) await world.end(owner, each, "SUCCEEDED");
    const second = (await world.requests(id)).slice(4);
    expect(second.map(({ stage }) => stage)).toEqual(["caption", "caption", "caption", "caption"]);
    expect(await endAll(id)).toBe(30);
    expect(await world.jobs.get(owner, id)).toMatchObject({ status: "SUCCEEDED", done: 10, failed: 0 });
  });

  test("waits for a first analysis instead of running it twice", async () => {
    const ids = await world.addPhotos(owner, 2, "PENDING");
    const { id } = await world.jobs.create(owner, request(ids));
    expect(await world.requests(id)).toEqual([]);
    for (const photoId of ids)
      for (const stage of stageNames) await world.end(owner, { photoId, stage, requestId: "" }, "SUCCEEDED");
    expect(await world.jobs.get(owner, id)).toMatchObject({ status: "SUCCEEDED", done: 2 });
  });

  test("keeps what a photo has when a stage that is run again fails", async () => {
    const [photoId = ""] = await world.addPhotos(owner, 1, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request([photoId], { stages: ["ocr"] }));
    await endAll(id, "FAILED");
    expect((await photoStages(photoId)).ocr).toBe("SUCCEEDED");
    const failed = await world.jobs.get(owner, id);
    expect(failed).toMatchObject({ status: "FAILED", failed: 1, error: "BROKEN: The model broke." });
    const { items } = await world.jobs.items(owner, id, page(0));
    expect(items[0]?.stages).toEqual([
      { stage: "ocr", status: "FAILED", attempts: 1, error: "BROKEN: The model broke.", model: "m", ms: 1 },
    ]);
  });

  test("runs a stage that photos never had, alone or after what it needs", async () => {
    const ids = await world.addPhotos(owner, 2, "SUCCEEDED");
    await sql`update library.photo_stages set status = 'SKIPPED' where owner_id = ${owner} and stage = 'people'`.execute(
      world.database.db,
    );
    const alone = await world.jobs.create(owner, request(ids, { stages: ["people"], onlyMissing: true }));
    expect((await world.requests(alone.id)).map(({ stage }) => stage)).toEqual(["people", "people"]);
    expect((await photoStages(ids[0] ?? "")).people).toBe("PENDING");
    await endAll(alone.id);
    expect(await world.jobs.get(owner, alone.id)).toMatchObject({ status: "SUCCEEDED", done: 2 });
    expect((await photoStages(ids[0] ?? "")).people).toBe("SUCCEEDED");
    const both = await world.jobs.create(owner, request(ids.slice(0, 1), { stages: ["people", "faces"] }));
    expect((await world.requests(both.id)).map(({ stage }) => stage)).toEqual(["faces"]);
    await endAll(both.id);
    expect((await world.requests(both.id)).map(({ stage }) => stage)).toEqual(["faces", "people"]);
    // Whatever became of the faces, what comes after them is asked for.
    const failing = await world.jobs.create(owner, request(ids.slice(0, 1), { stages: ["people", "faces"] }));
    await endAll(failing.id, "FAILED");
    expect((await world.requests(failing.id)).map(({ stage }) => stage)).toEqual(["faces", "people"]);
    expect(await world.jobs.get(owner, failing.id)).toMatchObject({ status: "FAILED", failed: 1 });
  });

  test("counts what a service skips as done, also what it had before, and asks for it next time", async () => {
    const [fresh = ""] = await world.addPhotos(owner, 1, "PENDING");
    const [known = ""] = await world.addPhotos(owner, 1, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request([fresh, known], { stages: ["faces"] }));
    await world.end(owner, { photoId: fresh, stage: "faces", requestId: "" }, "SKIPPED");
    await endAll(id, "SKIPPED");
    expect(await world.jobs.get(owner, id)).toMatchObject({ status: "SUCCEEDED", done: 2, failed: 0 });
    const { items } = await world.jobs.items(owner, id, page(0));
    expect(items.map((item) => [item.status, item.stages[0]?.status])).toEqual([
      ["SUCCEEDED", "SKIPPED"],
      ["SUCCEEDED", "SKIPPED"],
    ]);
    // The service deleted what it had found when it was told not to look any more.
    for (const photoId of [fresh, known]) expect((await photoStages(photoId)).faces).toBe("SKIPPED");
    const again = await world.jobs.create(owner, request([fresh], { stages: ["faces"], onlyMissing: true }));
    expect(await endAll(again.id)).toBe(1);
    expect((await photoStages(fresh)).faces).toBe("SUCCEEDED");
    // What was skipped before comes late.
    await world.end(owner, { photoId: fresh, stage: "faces", requestId: "" }, "SKIPPED");
    expect((await photoStages(fresh)).faces).toBe("SUCCEEDED");
  });

  test("lists by page, kind and status", async () => {
    const ids = await world.addPhotos(owner, 5, "SUCCEEDED");
    const made = [];
    for (const kind of ["analysis", "detection", "analysis"]) {
      const job = await world.jobs.create(owner, request(ids, { kind, stages: ["ocr"] }));
      made.push(job.id);
      if (kind === "detection") await world.jobs.cancel(owner, job.id);
    }
    const all = { kind: "", status: undefined };
    const first = await world.jobs.list(owner, all, page(2));
    const rest = await world.jobs.list(owner, all, page(2, first.nextPageToken));
    expect([...first.jobs, ...rest.jobs].map(({ id }) => id)).toEqual(made.toReversed());
    expect(rest.nextPageToken).toBe("");
    const cancelled = await world.jobs.list(owner, { kind: "", status: "CANCELLED" }, page(0));
    expect(cancelled.jobs.map(({ kind }) => kind)).toEqual(["detection"]);
    const seen = [];
    for (let token = "", more = true; more; more = token !== "") {
      const { items, nextPageToken } = await world.jobs.items(owner, made[0] ?? "", page(2, token));
      seen.push(...items.map(({ photoId }) => photoId));
      token = nextPageToken;
    }
    expect(seen).toEqual(ids);
    const stranger = crypto.randomUUID();
    for (const call of [world.jobs.get, world.jobs.cancel, world.jobs.retry])
      for (const jobId of [made[0] ?? "", crypto.randomUUID(), "nonsense"])
        expect(await reasonOf(call(stranger, jobId))).toBe("JOB_NOT_FOUND");
  });
});

describe("the sweeper", () => {
  const lease = worldLimits.stageLeaseMs + 1_000;

  async function sweepAfter(ms: number): Promise<void> {
    await world.age(ms);
    await world.sweeper.sweep();
  }

  test("marks a job stalled, asks again, and gives up with the cause", async () => {
    const ids = await world.addPhotos(owner, 1, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request(ids, { stages: ["faces"] }));
    await sweepAfter(lease / 2);
    expect((await world.jobs.get(owner, id)).status).toBe("QUEUED");
    for (let requeues = 1; requeues <= worldLimits.maxJobRequeues; requeues += 1) {
      await sweepAfter(lease);
      expect(await world.jobs.get(owner, id)).toMatchObject({ status: "STALLED", requeues });
      expect(await world.requests(id)).toHaveLength(1 + requeues);
    }
    await sweepAfter(lease);
    expect(await world.jobs.get(owner, id)).toMatchObject({
      status: "FAILED",
      error: "SERVICE_SILENT: The face service says nothing of the stage faces.",
    });
    await world.jobs.retry(owner, id);
    await world.end(owner, (await world.requests(id)).at(-1) ?? never(), "SUCCEEDED");
    expect(await world.jobs.get(owner, id)).toMatchObject({ status: "SUCCEEDED", requeues: 0 });
  });

  test("does not tell of an end again that comes while it looks", async () => {
    const ids = await world.addPhotos(owner, 1, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request(ids, { stages: ["faces"] }));
    await world.end(owner, (await world.requests(id)).at(-1) ?? never(), "SUCCEEDED");
    // Told of the same state within a second, an entry is spared anyhow.
    await sql`update library.feed set at = at - interval '1 minute' where subject_id = ${id}`.execute(
      world.database.db,
    );
    const told = () =>
      sql`select from library.feed where subject_id = ${id} and data->>'status' = 'SUCCEEDED'`.execute(
        world.database.db,
      );
    const { db } = world.database;
    // What a sweep does with a job that it took before the end.
    await db.transaction().execute((trx) => world.progress.advance(trx, id, [], true));
    expect((await told()).rows).toHaveLength(1);
  });

  test("leaves alone what waits behind a backlog, and finds what was passed over", async () => {
    const [early = "", late = ""] = await world.addPhotos(owner, 2, "SUCCEEDED");
    const first = await world.jobs.create(owner, request([early], { stages: ["embed"] }));
    await world.age(lease);
    await sql`insert into library.stage_progress values ('embed', now(), now() - interval '1 hour')
      on conflict (stage) do update set ended_at = now(), asked_at = excluded.asked_at`.execute(
      world.database.db,
    );
    await world.sweeper.sweep();
    expect((await world.jobs.get(owner, first.id)).status).toBe("QUEUED");
    const second = await world.jobs.create(owner, request([late], { stages: ["embed"] }));
    await endAll(second.id);
    await sql`update library.stage_progress set asked_at = now() where stage = 'embed'`.execute(
      world.database.db,
    );
    await sql`update library.jobs set swept_at = now() - interval '1 hour'`.execute(world.database.db);
    await world.sweeper.sweep();
    expect(await world.jobs.get(owner, first.id)).toMatchObject({ status: "STALLED" });
    expect((await world.jobs.get(owner, first.id)).error).toMatch(/^NO_ANSWER: /);
  });

  test("heals the stages of photos of no job, in their order, and tells who waits when it gives up", async () => {
    const [photoId = ""] = await world.addPhotos(owner, 1, "SUCCEEDED");
    await sql`update library.photo_stages set status = 'PENDING'
      where photo_id = ${photoId} and stage in ('scene', 'caption', 'index')`.execute(world.database.db);
    for (let round = 1; round <= worldLimits.maxJobRequeues; round += 1) {
      await sweepAfter(lease);
      expect(await outbox("ocelli.library.photo.requested", photoId)).toBe(round);
    }
    await sweepAfter(lease);
    expect(await photoStages(photoId)).toMatchObject({ scene: "FAILED", caption: "PENDING" });
    // Captioning waits for this, and the index for captioning.
    expect(await outbox("ocelli.scene.photo.failed", photoId)).toBe(1);
    await world.end(owner, { photoId, stage: "scene", requestId: "" }, "SUCCEEDED");
    expect((await photoStages(photoId)).scene).toBe("SUCCEEDED");
  });

  test("several replicas ask once", async () => {
    const ids = await world.addPhotos(owner, 4, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request(ids, { stages: ["faces"] }));
    await world.age(lease);
    await Promise.all([1, 2, 3].map(() => world.sweeper.sweep()));
    expect(await world.requests(id)).toHaveLength(8);
  });

  test("deletes jobs after their time", async () => {
    const ids = await world.addPhotos(owner, 2, "SUCCEEDED");
    const { id } = await world.jobs.create(owner, request(ids, { onlyMissing: true }));
    await sql`update library.jobs set finished_at = now() - interval '2 hours' where id = ${id}`.execute(
      world.database.db,
    );
    await world.sweeper.sweep();
    expect(await reasonOf(world.jobs.get(owner, id))).toBe("JOB_NOT_FOUND");
    const left = await sql`select from library.job_items where owner_id = ${owner}`.execute(
      world.database.db,
    );
    expect(left.rows).toEqual([]);
  });
});

function never(): never {
  throw new Error("nothing was asked for");
}
