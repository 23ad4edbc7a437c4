import { invalidArgument } from "@ocelli/chassis";
import { commonV1 } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { problemOf } from "./json.ts";
import { startTestGateway, type TestGateway } from "./running-gateway.ts";
import { addPhoto } from "./upstreams.ts";

const maxBytes = 200_000;
const batchSchema = z.object({
  jobId: z.string(),
  status: z.string(),
  accepted: z.number(),
  photos: z.array(z.object({ filename: z.string(), photoId: z.string(), duplicate: z.boolean() })),
  refused: z.array(z.object({ filename: z.string(), reason: z.string(), detail: z.string() })),
});
const jobSchema = z.object({ id: z.string(), status: z.string(), kind: z.string() });

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ MAX_UPLOAD_BYTES: String(maxBytes), MAX_BATCH_FILES: "20" });
});
afterAll(() => test.stop());
beforeEach(() => {
  Object.assign(test.upstreams.world, { received: 0, cancelled: 0, onUpload: () => undefined });
  test.upstreams.world.photos.clear();
  test.upstreams.world.jobs.created.length = 0;
});

function form(files: readonly (readonly [string, Uint8Array<ArrayBuffer> | string])[]): FormData {
  const data = new FormData();
  for (const [name, bytes] of files) data.append("file", new Blob([bytes]), name);
  return data;
}

async function batch(files: Parameters<typeof form>[0], headers: Record<string, string> = {}) {
  const response = await test.call("/detect/batch", { method: "POST", body: form(files), headers });
  expect(response.status).toBe(202);
  return batchSchema.parse(await response.json());
}

const bytesOf = (length: number, fill: number) => new Uint8Array(length).fill(fill);

describe("POST /detect/batch", () => {
  it("stores one file after the other and makes a job of them", async () => {
    const files = Array.from({ length: 20 }, (_, n) => [`${n}.jpg`, bytesOf(150_000, n)] as const);
    const answer = await batch(files);
    expect(answer.photos.map(({ filename }) => filename)).toEqual(files.map(([name]) => name));
    expect([answer.accepted, answer.refused]).toEqual([20, []]);
    expect(test.upstreams.world.received).toBe(20 * 150_000);
    expect(test.upstreams.world.jobs.created).toMatchObject([
      {
        photoIds: answer.photos.map(({ photoId }) => photoId),
        kind: "detection",
        stages: ["scene"],
        onlyMissing: true,
      },
    ]);
  });

  it("goes on after a file that is refused, too large, or empty of sense", async () => {
    test.upstreams.world.onUpload = ({ filename }) => {
      if (filename === "bad.txt") throw invalidArgument("UNSUPPORTED_MEDIA_TYPE", "This is no picture.");
    };
    const answer = await batch([
      ["one.jpg", bytesOf(1000, 1)],
      ["bad.txt", bytesOf(190_000, 2)],
      ["huge.jpg", bytesOf(maxBytes + 150_000, 3)],
      ["two.jpg", bytesOf(1000, 4)],
    ]);
    expect(answer.photos.map(({ filename }) => filename)).toEqual(["one.jpg", "two.jpg"]);
    expect(answer.refused.map(({ filename, reason }) => [filename, reason])).toEqual([
      ["bad.txt", "UNSUPPORTED_MEDIA_TYPE"],
      ["huge.jpg", "FILE_TOO_LARGE"],
    ]);
    expect(test.upstreams.world.jobs.created[0]?.refused).toEqual([
      { filename: "bad.txt", error: "UNSUPPORTED_MEDIA_TYPE: This is no picture." },
      { filename: "huge.jpg", error: expect.stringMatching(/^FILE_TOO_LARGE: /) },
    ]);
  });

  it("is cut off when a file goes on for ever", async () => {
    const response = await test.call("/detect/batch", {
      method: "POST",
      body: form([["endless.jpg", bytesOf(3 * maxBytes, 1)]]),
    });
    expect(await problemOf(response)).toEqual([413, "FILE_TOO_LARGE"]);
    expect(test.upstreams.world.jobs.created).toEqual([]);
  });

  it("takes a bounded number of files, and at least one", async () => {
    const many = Array.from({ length: 21 }, (_, n) => [`${n}.jpg`, bytesOf(10, n)] as const);
    const post = (body: FormData) => test.call("/detect/batch", { method: "POST", body });
    expect(await problemOf(await post(form(many)))).toEqual([400, "TOO_MANY_FILES"]);
    const none = new FormData();
    none.set("other", "x");
    expect(await problemOf(await post(none))).toEqual([400, "MISSING_FILE"]);
    const torn = await test.call("/detect/batch", {
      method: "POST",
      headers: { "content-type": "multipart/form-data; boundary=x" },
      body: '--x\r\ncontent-disposition: form-data; name="file"; filename="a.jpg"\r\n\r\nhalf',
    });
    expect(await problemOf(torn)).toEqual([400, "MALFORMED_MULTIPART"]);
  });

  it("shows its detections page by page, and itself in the history", async () => {
    const { jobId, photos } = await batch([["a.jpg", bytesOf(100, 1)]]);
    const box = { x: 0.1, y: 0.2, width: 0.3, height: 0.4 };
    const scene = commonV1.SceneResult.fromPartial({ objects: [{ label: "cat", score: 0.9, box }] });
    test.upstreams.world.scenes.set(photos[0]?.photoId ?? "", scene);
    const response = await test.call(`/detect/jobs/${jobId}`);
    expect(await response.json()).toMatchObject({
      id: jobId,
      kind: "detection",
      photos: [{ photoId: photos[0]?.photoId, detections: [{ label: "cat", confidence: 0.9, box }] }],
      nextPageToken: "",
    });
    const history = z.object({ items: z.array(jobSchema) });
    const { items } = history.parse(await (await test.call("/detect/history")).json());
    expect(items[0]?.id).toBe(jobId);
    expect(items.every(({ kind }) => kind === "detection")).toBe(true);
  });
});

describe("/jobs", () => {
  const post = (body: unknown, headers: Record<string, string> = {}) =>
    test.call("/jobs", {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });

  it("are made of photos or of an album, and answer where they are", async () => {
    const photo = addPhoto(test.upstreams.world, { ownerId: crypto.randomUUID() });
    const response = await post({ photoIds: [photo.id], stages: ["caption"] });
    expect(response.status).toBe(202);
    const { id } = jobSchema.parse(await response.json());
    expect(response.headers.get("location")).toBe(`/api/v1/jobs/${id}`);
    expect((await test.call(`/jobs/${id}`)).status).toBe(200);
    const items = z.object({ items: z.array(z.object({ stages: z.record(z.string(), z.unknown()) })) });
    const page = items.parse(await (await test.call(`/jobs/${id}/items`)).json());
    expect(page.items[0]?.stages.scene).toMatchObject({ status: "SUCCEEDED", attempts: 1 });
    for (const verb of ["cancel", "retry"])
      expect((await test.call(`/jobs/${id}/${verb}`, { method: "POST" })).status).toBe(200);
    expect((await post({ albumId: crypto.randomUUID() })).status).toBe(202);
  });

  it("take ten thousand photos, and no more", async () => {
    const ids = (count: number) => Array.from({ length: count }, () => crypto.randomUUID());
    expect((await post({ photoIds: ids(10_000) })).status).toBe(202);
    expect((await problemOf(await post({ photoIds: ids(10_001) })))[0]).toBe(400);
    for (const body of [{}, { photoIds: [] }, { photoIds: ids(1), albumId: ids(1)[0] }, { photoIds: ["x"] }])
      expect((await problemOf(await post(body)))[0]).toBe(400);
    expect((await problemOf(await post({ photoIds: ids(1), stages: ["nonsense"] })))[0]).toBe(400);
  });

  it("are made once per key, whatever it looks like", async () => {
    const photoIds = [crypto.randomUUID()];
    const uuid = crypto.randomUUID();
    for (const key of ["some key", "some key", "another", uuid])
      await post({ photoIds }, { "idempotency-key": key });
    const [first, again, another, same] = test.upstreams.world.jobs.created.map(({ requestId }) => requestId);
    expect(first).toBe(again);
    expect(first).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(another).not.toBe(first);
    expect(same).toBe(uuid);
    const long = await post({ photoIds }, { "idempotency-key": "x".repeat(256) });
    expect((await problemOf(long))[0]).toBe(400);
  });

  it("are listed by kind and status, and unknown ones answer alike", async () => {
    await test.call("/jobs?status=FAILED&kind=detection&pageSize=7");
    expect(test.upstreams.world.jobs.lists.at(-1)).toMatchObject({
      status: "JOB_STATUS_FAILED",
      kind: "detection",
      pageSize: 7,
    });
    expect((await problemOf(await test.call("/jobs?status=nonsense")))[0]).toBe(400);
    for (const id of [crypto.randomUUID(), "nonsense"])
      for (const path of [`/jobs/${id}`, `/jobs/${id}/items`, `/detect/jobs/${id}`])
        expect(await problemOf(await test.call(path))).toEqual([404, "JOB_NOT_FOUND"]);
  });
});
