import { setTimeout as delay } from "node:timers/promises";
import { stages as stageTree } from "@ocelli/contracts";
import { natsInstalled } from "@ocelli/testkit";
import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "../harness/client.ts";
import { type Mesh, startMesh } from "../harness/mesh.ts";
import { removeFolders } from "../harness/ocelli-process.ts";
import { differentPictures } from "../harness/photos.ts";

const photoCount = 24;
const stageCount = stageTree.length;
// Long enough for processes that wait to notice, and to give up what they had in hand.
const downMs = 3_000;
const jobSchema = z.object({
  id: z.uuid(),
  status: z.string(),
  progress: z.object({ done: z.number(), failed: z.number(), total: z.number() }),
  error: z.string().nullable(),
});
type Job = z.infer<typeof jobSchema>;

describe.skipIf(!natsInstalled)("a batch through a mesh that breaks (needs nats-server on PATH)", () => {
  let mesh: Mesh;
  let client: Client;
  let ids: string[];
  let job: Job;

  beforeAll(async () => {
    // What does not move is asked for again after ten seconds, not after ten minutes.
    mesh = await startMesh({ STAGE_LEASE: "10s", JOB_SWEEP: "1s", MAX_JOB_REQUEUES: "10" });
    client = await Client.signedUp(mesh.url, "maria@example.org");
  }, 120_000);

  afterAll(async () => {
    await mesh?.dispose();
    removeFolders();
  });

  test("workers, NATS and Postgres are killed in turn, and the job succeeds", async () => {
    ids = await sendBatch(client);
    const made = await client.post("/jobs", { photoIds: ids, onlyMissing: true });
    expect(made.status).toBe(202);
    job = jobSchema.parse(await made.json());
    // The lookers at progress must not be what the outage takes away from them.
    const failures = [
      { name: "workers", from: 12, fail: () => outageOfWorkers(mesh) },
      { name: "NATS", from: 48, fail: () => outageOf(mesh.nats.kill, mesh.nats.start) },
      { name: "Postgres", from: 84, fail: () => outageOf(mesh.postgres.kill, mesh.postgres.restart) },
    ];
    for (const { name, from, fail } of failures) {
      const ended = await untilEnded(client, job.id, from);
      expect(ended, `stages done when ${name} went`).toBeLessThan(photoCount * stageCount);
      await fail();
    }
    const end = await endOf(client, job.id);
    expect(end).toMatchObject({
      status: "SUCCEEDED",
      progress: { done: photoCount, failed: 0, total: photoCount },
      error: null,
    });
  }, 240_000);

  test("every photo was analysed exactly once in effect", async () => {
    for (const id of ids) {
      const { stages, caption, faces } = await client.analysed(id);
      expect(Object.values(stages).map(({ status }) => status)).toEqual(Array(stageCount).fill("SUCCEEDED"));
      expect(caption?.text).toBeTruthy();
      expect(faces).not.toBeNull();
    }
    const once = Object.fromEntries(ids.map((id) => [id, 1]));
    for (const [service, table] of [
      ["captioning", "captions"],
      ["captioning", "photo_texts"],
      ["face", "face_scans"],
      ["scene", "photo_scenes"],
    ] as const) {
      const query = `select photo_id as key, count(*)::int as n from ${service}.${table} group by 1`;
      expect(await countsOf(mesh, service, query), `${service}.${table}`).toEqual(once);
    }
    const hits = await client.search("cup of coffee", `&minScore=0&pageSize=${photoCount * 2}`);
    expect(hits.map(({ photoId }) => photoId).sort()).toEqual([...ids].sort());
  }, 60_000);

  test("what is counted is what is there", async () => {
    const faces = "select photo_id as key, count(*)::int as n from face.faces group by 1";
    const found = await countsOf(mesh, "face", faces);
    expect(Object.values(found)).toEqual(Array(photoCount / 2).fill(1));
    const counted =
      "select id::text as key, face_count as n from library.photos where coalesce(face_count, 0) > 0";
    expect(await countsOf(mesh, "library", counted)).toEqual(found);
    const [usage] = await rowsOf(mesh, "library", "select photos::int, bytes::int from library.owner_usage");
    const [recount] = await rowsOf(
      mesh,
      "library",
      "select count(*)::int as photos, sum(i.size_bytes)::int as bytes from library.photos p join library.images i using (sha256)",
    );
    expect(usage).toEqual(recount);
    const all = { open: 0, in_flight: 0, done: photoCount, failed: 0 };
    // The batch is a job too: it watched the objects, ours every stage.
    const jobs = "select open, in_flight, done, failed from library.jobs";
    expect(await rowsOf(mesh, "library", jobs)).toEqual([all, all]);
    const items = "select status as key, count(*)::int as n from library.job_items group by 1";
    expect(await countsOf(mesh, "library", items)).toEqual({ SUCCEEDED: 2 * photoCount });
  });

  test("every end was told once", async () => {
    const stages =
      "select subject_id || ' ' || (data->>'stage') as key, count(*)::int as n from library.feed where type = 'photo.stage' group by 1";
    const told = await countsOf(mesh, "library", stages);
    expect(Object.entries(told).filter(([, n]) => n !== 1)).toEqual([]);
    expect(Object.keys(told)).toHaveLength(photoCount * stageCount);
    const ends =
      "select subject_id as key, count(*)::int as n from library.feed where type = 'job.updated' and data->>'status' = 'SUCCEEDED' group by 1";
    const jobEnds = await countsOf(mesh, "library", ends);
    expect(Object.values(jobEnds)).toEqual([1, 1]);
    expect(jobEnds).toHaveProperty(job.id);
    const finished =
      "select subject as key, count(*)::int as n from library.outbox where subject = 'ocelli.library.job.finished' group by 1";
    expect(await countsOf(mesh, "library", finished)).toEqual({ "ocelli.library.job.finished": 2 });
    const ready =
      "select type as key, count(*)::int as n from library.feed where type = 'photo.ready' group by 1";
    expect(await countsOf(mesh, "library", ready)).toEqual({ "photo.ready": photoCount });
  });
});

/** Stores all photos with one request. @returns their ids. */
async function sendBatch(client: Client): Promise<string[]> {
  const form = new FormData();
  // Half of them with a face, which must not be there twice.
  const pictures = [
    ...(await differentPictures(photoCount / 2)),
    ...(await differentPictures(photoCount / 2, 0, "astronaut.png")),
  ];
  for (const [index, bytes] of pictures.entries()) form.append("file", new Blob([bytes]), `${index}.jpg`);
  const response = await client.request("/detect/batch", { method: "POST", body: form });
  expect(response.status).toBe(202);
  const photo = z.object({ photoId: z.uuid(), duplicate: z.literal(false) });
  const { photos } = z.object({ photos: z.array(photo).length(photoCount) }).parse(await response.json());
  return photos.map(({ photoId }) => photoId);
}

async function outageOfWorkers(mesh: Mesh): Promise<void> {
  const workers = ["captioning", "scene"] as const;
  await Promise.all(workers.map((name) => mesh.process(name).end("SIGKILL")));
  await delay(downMs);
  await Promise.all(workers.map((name) => mesh.restart(name)));
}

async function outageOf(kill: () => Promise<void>, start: () => Promise<void>): Promise<void> {
  await kill();
  await delay(downMs);
  await start();
}

/** An answer of the gateway; undefined while it has none because something behind it is down. */
async function look<T>(client: Client, path: string, schema: z.ZodType<T>): Promise<T | undefined> {
  const response = await client.request(path);
  if (response.status >= 500) {
    await response.body?.cancel();
    return undefined;
  }
  expect(response.status).toBe(200);
  return schema.parse(await response.json());
}

const itemsSchema = z.object({
  items: z.array(z.object({ stages: z.record(z.string(), z.object({ status: z.string() })) })),
});

/** Waits until so many stages of a job have succeeded. @returns how many have. */
async function untilEnded(client: Client, jobId: string, count: number): Promise<number> {
  for (;;) {
    const page = await look(client, `/jobs/${jobId}/items?pageSize=${photoCount}`, itemsSchema);
    const stages = page?.items.flatMap((item) => Object.values(item.stages)) ?? [];
    const ended = stages.filter(({ status }) => status === "SUCCEEDED").length;
    if (ended >= count) return ended;
    await delay(100);
  }
}

async function endOf(client: Client, jobId: string): Promise<Job> {
  for (;;) {
    const job = await look(client, `/jobs/${jobId}`, jobSchema);
    if (job && ["SUCCEEDED", "FAILED", "CANCELLED"].includes(job.status)) return job;
    await delay(200);
  }
}

type Observed = Parameters<Mesh["databaseUrl"]>[0];

async function rowsOf(mesh: Mesh, service: Observed, query: string): Promise<Record<string, unknown>[]> {
  const database = new pg.Client({ connectionString: mesh.databaseUrl(service) });
  await database.connect();
  try {
    return (await database.query(query)).rows;
  } finally {
    await database.end();
  }
}

/** Rows of `key` and `n`. */
async function countsOf(mesh: Mesh, service: Observed, query: string): Promise<Record<string, number>> {
  const rows = z
    .array(z.object({ key: z.string(), n: z.number() }))
    .parse(await rowsOf(mesh, service, query));
  return Object.fromEntries(rows.map(({ key, n }) => [key, n]));
}
