import { type EventType, events, type eventsV1, type libraryV1, photoStageFailed } from "@ocelli/contracts";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { z } from "zod";
import { problemOf } from "./json.ts";
import { fileForm, startTestGateway, type TestGateway } from "./running-gateway.ts";
import { defaultUserId } from "./tokens.ts";
import { addPhoto, setStage } from "./upstreams.ts";

let test: TestGateway;
beforeAll(async () => {
  test = await startTestGateway({ CLASSIFY_TIMEOUT: "3s", MAX_WATCHERS: "3", MAX_WATCHERS_PER_USER: "3" });
});
afterAll(() => test.stop());
beforeEach(() => {
  test.upstreams.world.photos.clear();
  test.upstreams.world.down.clear();
});

interface SeenLine {
  type: string;
  description: string;
  data: unknown;
  elapsedMs: number;
}

const provenance = { model: "m@1", ms: 1 };
const scene = {
  labels: [{ label: "kitchen", score: 0.8 }],
  place: "indoor",
  unsure: false,
  tags: [],
  objects: [{ label: "cup", score: 0.9, box: { x: 0, y: 0, width: 1, height: 1 } }],
  colors: [{ name: "red", hex: "#ff0000", share: 0.5 }],
};

async function publish<T extends { photo: eventsV1.PhotoRef | undefined }>(
  type: EventType<T>,
  { id, ownerId, sha256 }: libraryV1.Photo,
  fields: object = {},
): Promise<void> {
  const photo = { photoId: id, ownerId, sha256 };
  const payload = type.message
    .encode({ ...type.message.decode(new Uint8Array()), ...fields, photo })
    .finish();
  await test.bus.publish({ id: crypto.randomUUID(), subject: type.subject, payload });
}

/** Reads lines one by one, as they come. */
function readLines(response: Response) {
  const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader();
  let buffered = "";
  return {
    async next(): Promise<SeenLine | undefined> {
      while (!buffered.includes("\n")) {
        const { done, value } = (await reader?.read()) ?? { done: true, value: undefined };
        if (done) return undefined;
        buffered += value;
      }
      const end = buffered.indexOf("\n");
      const line = JSON.parse(buffered.slice(0, end));
      buffered = buffered.slice(end + 1);
      return line;
    },
    async rest(): Promise<SeenLine[]> {
      const lines: SeenLine[] = [];
      for (let line = await this.next(); line; line = await this.next()) lines.push(line);
      return lines;
    },
    cancel: () => reader?.cancel(),
  };
}

async function classify(bytes = crypto.randomUUID()) {
  const response = await test.call("/classify", { method: "POST", body: fileForm(bytes) });
  const lines = readLines(response);
  const first = await lines.next();
  const { id } = z.object({ id: z.string() }).parse(first?.data);
  const photo = test.upstreams.world.photos.get(id)?.photo;
  if (!photo) throw new Error("the photo was not stored");
  return { response, lines, first, photo };
}

const types = (lines: SeenLine[]) => lines.map(({ type }) => type);

describe("POST /classify", () => {
  it("sends each result the moment it exists, once, and ends with done", async () => {
    const { response, lines, first, photo } = await classify();
    expect(response.headers.get("content-type")).toBe("application/x-ndjson");
    expect(response.headers.get("cache-control")).toBe("no-store");
    expect(response.headers.get("x-accel-buffering")).toBe("no");
    expect(first).toMatchObject({ type: "photo", data: { duplicate: false } });
    await publish(events.photoFacesScanned, photo, { faces: [], provenance });
    expect(await lines.next()).toMatchObject({ type: "faces", description: "no faces", data: [] });
    await publish(events.photoFacesScanned, photo, { faces: [], provenance });
    test.upstreams.world.faces.set(photo.id, []);
    await publish(events.photoGrouped, photo, { provenance });
    expect(await lines.next()).toMatchObject({
      type: "people",
      description: "no known persons",
      data: { people: [] },
    });
    await publish(events.photoClassified, photo, { scene, provenance });
    await publish(events.photoEmbedded, photo, { provenance });
    await publish(events.photoTextRead, photo, { lines: [{ text: "HELLO", score: 1 }], provenance });
    const caption = { text: "a cup", source: "RESULT_SOURCE_PLAIN", score: 0.3 };
    await publish(events.photoCaptioned, photo, { caption, provenance });
    await publish(events.photoIndexed, photo, { provenance });
    const rest = await lines.rest();
    expect(types(rest)).toEqual(["scene", "objects", "colors", "text", "caption", "index", "done"]);
    expect(rest[0]).toMatchObject({ description: "kitchen, indoor", data: { indoor: true } });
    expect(rest[3]).toMatchObject({ description: "HELLO", data: { content: "HELLO" } });
    expect(rest[4]).toMatchObject({ data: { text: "a cup", source: "PLAIN", model: "m@1", score: 0.3 } });
    expect(rest.at(-1)).toMatchObject({ data: { status: "SUCCEEDED", failed: [] } });
    const elapsed = rest.map(({ elapsedMs }) => elapsedMs);
    expect(elapsed).toEqual([...elapsed].sort((a, b) => a - b));
  });

  it("tells whose the faces are after the faces, also when the event about those was lost", async () => {
    const { lines, photo } = await classify();
    const face = { id: "f1", score: 1, quality: 1, box: undefined, personId: "p1", personName: "" };
    test.upstreams.world.faces.set(photo.id, [face]);
    await publish(events.photoGrouped, photo, { provenance });
    await publish(events.photoFacesScanned, photo, { faces: [], provenance });
    await publish(events.photoGrouped, photo, { provenance });
    await publish(events.photoTextRead, photo, { lines: [], provenance });
    expect(await lines.next()).toMatchObject({ type: "faces", description: "1 face" });
    expect(await lines.next()).toMatchObject({
      type: "people",
      description: "1 known person",
      data: { people: [{ personId: "p1", personName: null, faceId: "f1" }] },
    });
    expect(await lines.next()).toMatchObject({ type: "text" });
    await lines.cancel();
  });

  it("looks again for whose the faces are while the service is away", async () => {
    const { world } = test.upstreams;
    const { lines, photo } = await classify();
    world.faces.set(photo.id, []);
    world.down.add("face");
    await publish(events.photoGrouped, photo, { provenance });
    for (const stage of ["faces", "people"]) setStage(photo, stage, "STAGE_STATUS_SUCCEEDED");
    await new Promise((resolve) => setTimeout(resolve, 200));
    world.down.clear();
    expect(types([await lines.next(), await lines.next()].filter((line) => line !== undefined))).toEqual([
      "faces",
      "people",
    ]);
    await lines.cancel();
  });

  it("has no lines about faces that nobody looked for", async () => {
    const { lines, photo } = await classify();
    await publish(events.photoFacesScanned, photo, { faces: [], skipped: true });
    await publish(events.photoGrouped, photo, { skipped: true });
    await publish(events.photoTextRead, photo, { lines: [], provenance });
    expect(await lines.next()).toMatchObject({ type: "text" });
    await lines.cancel();
  });

  it("sends what is already there first, without any event", async () => {
    const { world } = test.upstreams;
    const bytes = Buffer.from("seen before");
    const photo = addPhoto(world, { ownerId: defaultUserId, bytes });
    for (const { stage } of photo.stages) setStage(photo, stage, "STAGE_STATUS_SUCCEEDED");
    setStage(photo, "ocr", "STAGE_STATUS_FAILED", "MODEL_BROKEN: The text model is broken.");
    world.captions.set(photo.id, { text: "a cup", source: "RESULT_SOURCE_NEURAL", score: 0.3 });
    world.faces.set(photo.id, []);
    world.scenes.set(photo.id, scene);
    const response = await test.call("/classify", { method: "POST", body: fileForm(bytes) });
    const lines = await readLines(response).rest();
    expect(types(lines).sort()).toEqual(
      ["caption", "colors", "done", "error", "faces", "index", "objects", "people", "photo", "scene"].sort(),
    );
    expect(lines[0]).toMatchObject({ type: "photo", data: { duplicate: true } });
    expect(lines.find(({ type }) => type === "error")).toMatchObject({
      description: "The text model is broken.",
      data: { reason: "MODEL_BROKEN", stage: "ocr" },
    });
    expect(lines.at(-1)).toMatchObject({ type: "done", data: { status: "FAILED", failed: ["ocr"] } });
  });

  it("finds results whose events were lost by asking again", async () => {
    const { lines, photo } = await classify();
    test.upstreams.world.faces.set(photo.id, []);
    setStage(photo, "faces", "STAGE_STATUS_SUCCEEDED");
    expect(await lines.next()).toMatchObject({ type: "faces" });
    await lines.cancel();
  });

  it("says that a stage failed, and that the rest did not come in time", async () => {
    const { lines, photo } = await classify();
    const failure = { stage: "caption", reason: "MODEL_UNAVAILABLE", message: "No model.", attempts: 5 };
    await publish(photoStageFailed("captioning"), photo, failure);
    const rest = await lines.rest();
    expect(rest).toMatchObject([
      { type: "error", description: "No model.", data: { stage: "caption", reason: "MODEL_UNAVAILABLE" } },
      { type: "error", data: { reason: "TIMEOUT" } },
      { type: "done", data: { status: "INCOMPLETE", failed: ["caption"] } },
    ]);
    expect(rest.at(-1)?.elapsedMs).toBeLessThan(4500);
  });

  it("ends when the photo is deleted", async () => {
    const { lines, photo } = await classify();
    await publish(events.photoDeleted, photo);
    expect(await lines.next()).toMatchObject({ type: "error", data: { reason: "PHOTO_NOT_FOUND" } });
    expect(await lines.next()).toMatchObject({ type: "done", data: { status: "INCOMPLETE" } });
  });

  it("refuses more streams than it has room for and frees the room of clients that leave", async () => {
    const open = await Promise.all([classify(), classify(), classify()]);
    const refused = await test.call("/classify", { method: "POST", body: fileForm("one too many") });
    expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
    expect(await problemOf(refused)).toEqual([429, "TOO_MANY_WATCHERS"]);
    await Promise.all(open.map(({ lines }) => lines.cancel()));
    await expect.poll(async () => (await classifyOnce()).status).toBe(200);
  });

  it("answers a bad upload with a problem", async () => {
    const response = await test.call("/classify", { method: "POST", body: fileForm("") });
    expect(await problemOf(response)).toEqual([400, "EMPTY_FILE"]);
  });
});

async function classifyOnce(): Promise<Response> {
  const response = await test.call("/classify", { method: "POST", body: fileForm(crypto.randomUUID()) });
  await response.body?.cancel();
  return response;
}

describe("GET /photos/{id}/events", () => {
  it("sends the same lines as server-sent events", async () => {
    const photo = addPhoto(test.upstreams.world, { ownerId: defaultUserId });
    for (const { stage } of photo.stages) setStage(photo, stage, "STAGE_STATUS_SKIPPED");
    const response = await test.call(`/photos/${photo.id}/events`);
    expect(response.headers.get("content-type")).toBe("text/event-stream");
    const text = await response.text();
    expect(text).toMatch(/^event: photo\ndata: \{.*\}\n\nevent: done\ndata: \{.*\}\n\n$/);
  });

  it("shows nobody else's photo", async () => {
    const photo = addPhoto(test.upstreams.world, { ownerId: "018f0000-0000-7000-8000-000000000002" });
    expect(await problemOf(await test.call(`/photos/${photo.id}/events`))).toEqual([404, "PHOTO_NOT_FOUND"]);
  });
});

describe("stopping", () => {
  it("ends live streams with a reason", async () => {
    const other = await startTestGateway();
    const response = await other.call("/classify", { method: "POST", body: fileForm("x") });
    const lines = readLines(response);
    await lines.next();
    const stopped = other.stop();
    expect(await lines.rest()).toMatchObject([
      { type: "error", data: { reason: "SHUTTING_DOWN" } },
      { type: "done", data: { status: "INCOMPLETE" } },
    ]);
    await stopped;
  });
});
