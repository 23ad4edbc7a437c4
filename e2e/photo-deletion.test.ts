import { createHash } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { Client } from "./harness/client.ts";
import { type ObservedOcelli, startObserved } from "./harness/database.ts";
import { serverFaults, storedFiles } from "./harness/inspection.ts";
import { removeFolders } from "./harness/ocelli-process.ts";
import { photoBytes } from "./harness/photos.ts";
import { outcomeOf } from "./harness/problems.ts";
import { tracesOf } from "./harness/traces.ts";

let ocelli: ObservedOcelli;
let receiver: Server;
let delivered: string[];

beforeAll(async () => {
  ocelli = await startObserved({ WEBHOOKS_ALLOW_HTTP: "true", WEBHOOKS_ALLOW_PRIVATE: "true" });
  delivered = [];
  receiver = createServer(async (request, response) => {
    let text = "";
    for await (const chunk of request) text += chunk;
    delivered.push(text);
    response.end();
  });
  await new Promise<void>((resolve) => receiver.listen(0, "127.0.0.1", resolve));
});

afterAll(async () => {
  receiver?.close();
  await ocelli?.stop();
  removeFolders();
});

const sha256 = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");
const blobsOf = (bytes: Uint8Array) =>
  storedFiles(ocelli.dataFolder).filter((file) => file.startsWith("blobs/") && file.includes(sha256(bytes)));
const idSchema = z.object({ id: z.uuid() });

/** An answer's body. */
async function answerOf<T>(schema: z.ZodType<T>, answer: Promise<Response>): Promise<T> {
  const response = await answer;
  if (!response.ok) throw new Error(`${response.status} ${await response.text()}`);
  return schema.parse(await response.json());
}

/** Sends a file the resumable way, in one piece. @returns the photo's id. */
async function sendResumably(client: Client, bytes: Uint8Array<ArrayBuffer>, filename: string) {
  const tus = { "tus-resumable": "1.0.0" };
  const metadata = `filename ${Buffer.from(filename).toString("base64")}`;
  const opening = { ...tus, "upload-length": String(bytes.byteLength), "upload-metadata": metadata };
  const opened = await client.request("/uploads", { method: "POST", headers: opening });
  const path = new URL(opened.headers.get("location") ?? "", ocelli.url).pathname.replace("/api/v1", "");
  const headers = { ...tus, "content-type": "application/offset+octet-stream", "upload-offset": "0" };
  const sent = await client.request(path, { method: "PATCH", headers, body: bytes });
  expect(sent.status).toBe(204);
  return z.uuid().parse(sent.headers.get("ocelli-photo-id"));
}

/**
 * Where the id of a deleted photo may stand, and nothing else of it: that it is gone is remembered, that it went was told
 * (the event names its bytes too), and that jobs had it stays in their history.
 */
const records = [
  "captioning.deleted_photos",
  "face.deleted_photos",
  "library.feed",
  "library.job_items",
  "library.job_stages",
  "library.outbox",
  "library.webhook_deliveries",
  "scene.deleted_photos",
  "search.documents",
];

describe("a photo with everything that can hang on it", () => {
  const own = photoBytes("astronaut.png");
  const shared = photoBytes("coffee.png");
  // Words that stand nowhere else.
  const words = { title: "Zugspitzplatt", description: "Quittengelee", filename: "wolpertinger-7.png" };
  let user: Client;
  let other: Client;
  let photoId: string;
  let sharedId: string;
  let otherId: string;
  let albumId: string;
  let jobId: string;

  const listed = async (query = "") =>
    (
      await answerOf(z.object({ items: z.array(idSchema) }), user.request(`/photos?pageSize=100${query}`))
    ).items.map(({ id }) => id);
  const found = async (query: string) =>
    (await user.search(query, "&minScore=0&pageSize=100")).map(({ photoId: id }) => id);

  beforeAll(async () => {
    user = await Client.signedUp(ocelli.url, "maria@example.org");
    other = await Client.signedUp(ocelli.url, "other@example.org");
    const { port } = receiver.address() as AddressInfo; // it listens on a port
    await answerOf(idSchema, user.post("/webhooks", { url: `http://127.0.0.1:${port}/`, types: [] }));
    photoId = await sendResumably(user, own, words.filename);
    sharedId = await user.upload(shared, "mine.png");
    otherId = await other.upload(shared, "theirs.png");
    for (const id of [photoId, sharedId]) await user.analysed(id);
    await other.analysed(otherId);
    await user.send("PATCH", `/photos/${photoId}`, {
      title: words.title,
      description: words.description,
      favorite: true,
    });
    albumId = (await answerOf(idSchema, user.post("/albums", { name: "Space" }))).id;
    await user.post(`/albums/${albumId}/photos`, { photoIds: [photoId, sharedId] });
    jobId = (await answerOf(idSchema, user.post("/jobs", { photoIds: [photoId] }))).id;
  }, 180_000);

  test("is in many places before", async () => {
    const status = z.object({ status: z.string() });
    await expect
      .poll(async () => (await answerOf(status, user.request(`/jobs/${jobId}`))).status, { timeout: 60_000 })
      .toBe("SUCCEEDED");
    await expect.poll(() => delivered.some((text) => text.includes(photoId)), { timeout: 15_000 }).toBe(true);
    await expect.poll(() => found(words.title), { timeout: 10_000 }).toContain(photoId);
    expect(Object.keys(await tracesOf(ocelli, [photoId]))).toEqual(
      expect.arrayContaining([
        "captioning.captions",
        "captioning.photo_texts",
        "face.face_scans",
        "face.faces",
        "library.album_photos",
        "library.feed",
        "library.job_items",
        "library.job_stages",
        "library.photo_stages",
        "library.photos",
        "library.uploads",
        "library.webhook_deliveries",
        "scene.photo_scenes",
        "search.documents",
        "search.vectors_1",
        "search.vector_codes_1",
      ]),
    );
    expect(blobsOf(own).length).toBeGreaterThanOrEqual(3);
  }, 120_000);

  test("in the trash is in no list and not found, at once", async () => {
    expect(await outcomeOf(user.send("DELETE", `/photos/${photoId}`))).toBe("204");
    expect(await listed()).not.toContain(photoId);
    expect(await listed(`&albumId=${albumId}`)).toEqual([sharedId]);
    expect(await listed("&trashed=true")).toEqual([photoId]);
    await expect.poll(() => found(words.title), { timeout: 2_000, interval: 20 }).not.toContain(photoId);
    expect(await found("astronaut in a space suit")).not.toContain(photoId);
  });

  test("comes back with all of it", async () => {
    expect(await outcomeOf(user.post(`/photos/${photoId}/restore`, undefined))).toBe("200");
    expect(await listed()).toContain(photoId);
    expect(await listed(`&albumId=${albumId}`)).toContain(photoId);
    const { caption, faces, favorite } = await user.photo(photoId);
    expect([caption?.text !== undefined, faces?.length, favorite]).toEqual([true, 1, true]);
    await expect.poll(() => found(words.title), { timeout: 5_000, interval: 50 }).toContain(photoId);
    expect(await found("astronaut in a space suit")).toContain(photoId);
  });

  test("cannot be deleted by somebody else", async () => {
    for (const query of ["", "?permanent=true"])
      expect(await outcomeOf(other.send("DELETE", `/photos/${photoId}${query}`))).toBe("404 PHOTO_NOT_FOUND");
    const bulk = await answerOf(
      z.object({ photoIds: z.array(z.string()) }),
      other.post("/photos/bulk", { photoIds: [photoId, otherId], change: "favorite" }),
    );
    expect(bulk.photoIds).toEqual([otherId]);
    expect(await listed()).toContain(photoId);
  });

  test("deleted for good is in no table of any service, but for the record that it went", async () => {
    expect(await outcomeOf(user.send("DELETE", `/photos/${photoId}?permanent=true`))).toBe("204");
    expect(await outcomeOf(user.send("DELETE", `/photos/${sharedId}?permanent=true`))).toBe("204");
    expect(await outcomeOf(user.request(`/photos/${photoId}`))).toBe("404 PHOTO_NOT_FOUND");
    expect(await listed()).toEqual([]);
    expect(await listed("&trashed=true")).toEqual([]);
    const told = ["library.outbox"];
    const elsewhere = async (marks: readonly string[], allowed: readonly string[]) =>
      Object.keys(await tracesOf(ocelli, marks)).filter((table) => !allowed.includes(table));
    const soon = { timeout: 20_000, interval: 200 };
    await expect.poll(() => elsewhere([photoId, sharedId], records), soon).toEqual([]);
    await expect.poll(() => elsewhere([sha256(own)], told), soon).toEqual([]);
    expect(await tracesOf(ocelli, Object.values(words))).toEqual({});
    const sent =
      "select count(*)::int as n from library.outbox where position($1 in encode(payload, 'escape')) > 0";
    expect(await ocelli.rows(sent, [sha256(own)])).toEqual([{ n: 1 }]);
    const feed = "select type from library.feed where subject_id = any($1)";
    expect(await ocelli.rows(feed, [[photoId, sharedId]])).toEqual(Array(2).fill({ type: "photo.deleted" }));
  }, 60_000);

  test("has left no files, but for the bytes that another user has too", async () => {
    await expect.poll(() => blobsOf(own), { timeout: 10_000, interval: 100 }).toEqual([]);
    expect(blobsOf(shared).length).toBeGreaterThanOrEqual(3);
    const original = await other.request(`/photos/${otherId}/original`);
    expect(Buffer.compare(Buffer.from(await original.arrayBuffer()), shared)).toBe(0);
    const photo = await other.photo(otherId);
    expect(photo.caption?.text).toBeTruthy();
    expect((await other.search("cup of coffee")).map(({ photoId: id }) => id)).toEqual([otherId]);
  });

  test("takes up no room any more, and can be stored again", async () => {
    const usage = z.object({ bytes: z.number(), photos: z.number() });
    expect(await answerOf(usage, user.request("/users/me/usage"))).toMatchObject({ bytes: 0, photos: 0 });
    const again = await user.upload(own, "again.png");
    expect(again).not.toBe(photoId);
    const { faces, caption } = await user.analysed(again);
    expect([faces?.length, caption?.text !== undefined]).toEqual([1, true]);
  });

  test("and no answer was a fault of the server", async () => {
    expect(await serverFaults(ocelli.process)).toEqual({ answers: 0, logged: [] });
  });
});
