import { afterAll, beforeAll, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { type ObservedOcelli, startObserved } from "./harness/database.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { photoBytes, photoNames } from "./harness/photos.ts";

const jobSchema = z.object({
  id: z.string(),
  status: z.string(),
  progress: z.object({ done: z.number(), failed: z.number(), total: z.number() }),
  stages: z.array(z.string()),
  error: z.string().nullable(),
});
const itemSchema = z.object({
  photoId: z.string().nullable(),
  filename: z.string(),
  status: z.string(),
  error: z.string().nullable(),
  stages: z.record(z.string(), z.object({ status: z.string(), error: z.string().nullable() })),
});
const ended = ["SUCCEEDED", "FAILED", "CANCELLED"];

let ocelli: ObservedOcelli;
let client: Client;
let photoIds: string[] = [];

beforeAll(async () => {
  ocelli = await startObserved({ CAPTIONING_MAX_ATTEMPTS: "1", JOB_WINDOW: "2", JOB_SWEEP: "1s" });
  client = await Client.signedUp(ocelli.url, "maria@example.org");
});
afterAll(async () => {
  await ocelli?.stop();
  removeFolders();
});

async function read<T>(schema: z.ZodType<T>, path: string): Promise<T> {
  return schema.parse(await (await client.request(path)).json());
}

const job = (id: string) => read(jobSchema, `/jobs/${id}`);
const items = async (id: string) =>
  (await read(z.object({ items: z.array(itemSchema) }), `/jobs/${id}/items`)).items;

async function endOf(id: string): Promise<z.infer<typeof jobSchema>> {
  await expect.poll(async () => (await job(id)).status, { timeout: 90_000, interval: 200 }).toBeOneOf(ended);
  return job(id);
}

async function create(body: Record<string, unknown>, headers: Record<string, string> = {}) {
  const response = await client.request("/jobs", {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: JSON.stringify(body),
  });
  expect(response.status).toBe(202);
  const made = jobSchema.parse(await response.json());
  expect(response.headers.get("location")).toBe(`/api/v1/jobs/${made.id}`);
  return made;
}

/** Calls made of a stage's model, by what the library counted. */
async function captionedAt(): Promise<Map<string, number>> {
  const rows = await ocelli.rows<{ photo_id: string; n: number }>(
    "select encode(payload, 'escape') as photo_id, 1 as n from captioning.outbox where subject = 'ocelli.captioning.photo.captioned'",
  );
  const counts = new Map<string, number>();
  for (const id of photoIds) counts.set(id, rows.filter((row) => row.photo_id.includes(id)).length);
  return counts;
}

test("a batch of photos is one job, refused files are told, and the detections are there", async () => {
  const form = new FormData();
  for (const name of photoNames) form.append("file", new Blob([photoBytes(name)]), name);
  form.append("file", new Blob(["this is no picture"]), "notes.txt");
  const response = await client.request("/detect/batch", { method: "POST", body: form });
  const answer = z
    .object({
      jobId: z.string(),
      accepted: z.number(),
      photos: z.array(z.object({ filename: z.string(), photoId: z.string(), duplicate: z.boolean() })),
      refused: z.array(z.object({ filename: z.string(), reason: z.string() })),
    })
    .parse(await response.json());
  expect(response.status).toBe(202);
  expect(answer.photos.map(({ filename, duplicate }) => [filename, duplicate])).toEqual(
    photoNames.map((name) => [name, false]),
  );
  expect(answer.refused).toEqual([{ filename: "notes.txt", reason: "UNSUPPORTED_MEDIA_TYPE" }]);
  photoIds = answer.photos.map(({ photoId }) => photoId);

  const done = await endOf(answer.jobId);
  // The refused file is part of the job, and why it failed.
  expect(done).toMatchObject({ status: "FAILED", progress: { done: 4, failed: 1, total: 5 } });
  expect(done.error).toMatch(/^UNSUPPORTED_MEDIA_TYPE: /);
  const detections = z.object({
    photos: z.array(
      z.object({
        filename: z.string(),
        status: z.string(),
        detections: z.array(z.object({ label: z.string(), confidence: z.number() })).nullable(),
      }),
    ),
  });
  const { photos } = await read(detections, `/detect/jobs/${answer.jobId}`);
  const labels = (name: string) =>
    photos.find(({ filename }) => filename === name)?.detections?.map(({ label }) => label);
  expect(labels("astronaut.png")).toContain("person");
  expect(labels("chelsea.png")).toContain("cat");
  expect(labels("notes.txt")).toBeUndefined();
  const history = await read(z.object({ items: z.array(jobSchema) }), "/detect/history");
  expect(history.items.map(({ id }) => id)).toEqual([answer.jobId]);
  for (const id of photoIds) await client.analysed(id);
}, 120_000);

test("captions are made again for the stored scene, in place, and a request makes one job", async () => {
  const before = await captionedAt();
  const request = { photoIds, stages: ["caption"] };
  const made = await create(request, { "idempotency-key": "captions, once" });
  expect((await create(request, { "idempotency-key": "captions, once" })).id).toBe(made.id);
  expect(await endOf(made.id)).toMatchObject({
    status: "SUCCEEDED",
    progress: { done: 4, failed: 0, total: 4 },
  });
  const after = await captionedAt();
  for (const id of photoIds) expect(after.get(id)).toBe((before.get(id) ?? 0) + 1);
  const [captions] = await ocelli.rows<{ n: number }>("select count(*)::int as n from captioning.captions");
  expect(captions?.n).toBe(4);
  const scenes =
    "select count(*)::int as n from scene.outbox where subject = 'ocelli.scene.photo.classified'";
  expect((await ocelli.rows<{ n: number }>(scenes))[0]?.n).toBe(4);
  expect((await client.photo(photoIds[0] ?? "")).caption?.text).toMatch(
    /person|woman|man|astronaut|girl|lady/,
  );
}, 120_000);

test("every stage is made again in its order, and nothing is stored twice", async () => {
  const made = await create({ photoIds });
  expect(await endOf(made.id)).toMatchObject({ status: "SUCCEEDED", progress: { done: 4 } });
  const [faces] = await ocelli.rows<{ n: number }>("select count(*)::int as n from face.faces");
  expect(faces?.n).toBe((await client.photo(photoIds[0] ?? "")).faces?.length);
  const [embeddings] = await ocelli.rows<{ n: number }>("select count(*)::int as n from search.vectors_1");
  expect(embeddings?.n).toBe(4);
}, 180_000);

test("what has not begun is cancelled", async () => {
  const made = await create({ photoIds });
  const response = await client.post(`/jobs/${made.id}/cancel`, undefined);
  expect(jobSchema.parse(await response.json()).status).toBe("CANCELLED");
  expect((await items(made.id)).map(({ status }) => status).slice(2)).toEqual(["CANCELLED", "CANCELLED"]);
  expect((await client.post(`/jobs/${made.id}/cancel`, undefined)).status).toBe(409);
  // What had begun may finish; photos keep what they have.
  for (const id of photoIds) {
    const { stages } = await client.analysed(id);
    expect(Object.values(stages).every(({ status }) => status === "SUCCEEDED")).toBe(true);
  }
}, 120_000);

test("failed stages are tried again, and only these", async () => {
  await ocelli.rows("alter table captioning.captions rename to captions_away");
  const made = await create({ photoIds, stages: ["caption", "ocr"] });
  const failed = await endOf(made.id);
  expect(failed).toMatchObject({ status: "FAILED", progress: { done: 0, failed: 4, total: 4 } });
  expect(failed.error).toMatch(/^[A-Z_]+: /);
  const texts =
    "select count(*)::int as n from captioning.outbox where subject = 'ocelli.captioning.photo.read'";
  const [before] = await ocelli.rows<{ n: number }>(texts);
  await ocelli.rows("alter table captioning.captions_away rename to captions");

  const response = await client.post(`/jobs/${made.id}/retry`, undefined);
  expect(response.status).toBe(200);
  expect(await endOf(made.id)).toMatchObject({
    status: "SUCCEEDED",
    progress: { done: 4, failed: 0, total: 4 },
    error: null,
  });
  expect((await ocelli.rows<{ n: number }>(texts))[0]).toEqual(before);
  for (const { stages } of await items(made.id))
    expect(Object.entries(stages).map(([stage, { status }]) => `${stage} ${status}`)).toEqual([
      "ocr SUCCEEDED",
      "caption SUCCEEDED",
    ]);
  expect((await client.post(`/jobs/${made.id}/retry`, undefined)).status).toBe(409);
}, 120_000);

test("jobs of others are unknown, and so are their photos", async () => {
  const [first] = (await read(z.object({ items: z.array(jobSchema) }), "/jobs?pageSize=1")).items;
  const stranger = await Client.signedUp(ocelli.url, "stranger@example.org");
  for (const path of [`/jobs/${first?.id}`, `/jobs/${first?.id}/items`, `/detect/jobs/${first?.id}`])
    expect((await stranger.request(path)).status).toBe(404);
  const response = await stranger.post("/jobs", { photoIds });
  expect(await response.json()).toMatchObject({ status: 400, reason: "INVALID_JOB" });
});
