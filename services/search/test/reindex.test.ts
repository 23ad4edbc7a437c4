import { randomUUID, randomUUIDv7 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { PreviewSource } from "@ocelli/analysis";
import { AppError, createLogger } from "@ocelli/chassis";
import { type eventsV1, searchV1 } from "@ocelli/contracts";
import { createEngine, type Engine, loadManifest } from "@ocelli/inference";
import { startEmbeddedDatabase } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  activateModel,
  compareModels,
  dropModel,
  listIndexModels,
  startReindex as startReindexing,
} from "../src/index-models.ts";
import { startFilling } from "../src/reindex.ts";
import { addToDocument, deleteDocument } from "../src/store/documents.ts";
import { listModels } from "../src/store/index-models.ts";
import { openVectorsOn, type VectorsUnderTest } from "./vectors-harness.ts";

const folder = join(import.meta.dirname, "../../../e2e/photos");
const names = ["astronaut.png", "chelsea.png", "coffee.png", "rocket.jpg"];
const copies = 3;
const { MODEL_STATE_ACTIVE, MODEL_STATE_FILLING, MODEL_STATE_READY } = searchV1.ModelState;
const next = "vision-next@test-2";

let engine: Engine;
let database: Awaited<ReturnType<typeof startEmbeddedDatabase>>;
let first: VectorsUnderTest;
/** Another replica of the service, on the same database. */
let second: VectorsUnderTest;
const owner = randomUUID();
const photos: eventsV1.PhotoRef[] = [];
const log = createLogger({ level: "silent", format: "json" });

/** The starter pack with a second picture model: the same weights in another version. */
function engineOfTwo(): Engine {
  const manifest = loadManifest();
  const vision = manifest.models.find(({ id }) => id === "vision");
  if (!vision) throw new Error("the starter pack has no picture model");
  const models = [...manifest.models, { ...vision, id: "vision-next", version: "test-2" }];
  return createEngine({
    manifest: { ...manifest, models },
    workers: 1,
    threadsPerWorker: 1,
    queueLimit: 100,
  });
}

/** Previews from the sample folder; what is not there cannot be read. */
const previews: PreviewSource = {
  open: (photo) =>
    engine.decode(photo.sha256, () => readFile(join(folder, photo.sha256.split("#")[0] ?? ""))),
};

/** Stores a photo as the consumer of the embed stage does. */
async function upload(sha256: string, under: VectorsUnderTest): Promise<eventsV1.PhotoRef> {
  const photo = { photoId: randomUUIDv7(), ownerId: owner, sha256 };
  const image = await previews.open(photo, ["embed"], new AbortController().signal);
  const { model, embedding } = await under.vectors.embedPicture(image, new AbortController().signal);
  await under.db.transaction().execute(async (trx) => {
    await addToDocument(trx, photo, {});
    await under.vectors.save(trx, photo, embedding, model);
  });
  photos.push(photo);
  return photo;
}

/** What a search does: the text by the model that answers, then the nearest by the same. */
async function search(under: VectorsUnderTest, text: string): Promise<string[]> {
  const { model, embeddings } = await under.vectors.embedTexts([text]);
  const [embedding = new Float32Array(384)] = embeddings;
  const found = await under.vectors.nearest({ ownerId: owner, embedding, limit: 5, model });
  return found.map(({ photoId }) => photoId);
}

const rules = (under: VectorsUnderTest) => ({ db: under.db, engine, vectors: under.vectors });
const fill = (under: VectorsUnderTest, rate = 1_000) =>
  startFilling({ db: under.db, engine, previews, log, newId: randomUUID, rate, pollMs: 50 });
const stateOf = async (key: string) =>
  (await listIndexModels(first)).find(({ model }) => model === key) ?? { state: undefined, filled: 0 };
const reasonOf = (call: Promise<unknown>) => call.then(String, (error) => AppError.from(error).reason);

beforeAll(async () => {
  engine = engineOfTwo();
  database = await startEmbeddedDatabase();
  first = await openVectorsOn(database.url, engine);
  second = await openVectorsOn(database.url, engine);
  for (let copy = 0; copy < copies; copy++) for (const name of names) await upload(`${name}#${copy}`, first);
}, 60_000);
afterAll(async () => {
  await first?.close();
  await second?.close();
  await engine?.close();
  await database?.close();
});

test("the manifest's own model answers at the start; what is not there is said so", async () => {
  const total = names.length * copies;
  const own = first.vectors.model;
  expect(await listIndexModels(first)).toEqual([
    { model: own, state: MODEL_STATE_ACTIVE, filled: total, total, failed: 0 },
  ]);
  expect(await reasonOf(startReindexing(rules(first), "vision"))).toBe("MODEL_ACTIVE");
  expect(await reasonOf(startReindexing(rules(first), "text-head"))).toBe("MODEL_NOT_FOUND");
  expect(await reasonOf(startReindexing(rules(first), "nonsense"))).toBe("MODEL_NOT_FOUND");
  expect(await reasonOf(activateModel(rules(first), next))).toBe("MODEL_NOT_FOUND");
  expect(await reasonOf(dropModel(rules(first), next))).toBe("MODEL_NOT_FOUND");
  expect(await reasonOf(dropModel(rules(first), own))).toBe("MODEL_ACTIVE");
});

test("a model is filled beside the one that answers, goes on after a stop, and takes over without a gap", async () => {
  const total = names.length * copies;
  const searches = { made: 0, empty: 0, wrong: 0, running: true };
  const coffee = photos.filter(({ sha256 }) => sha256.startsWith("coffee")).map(({ photoId }) => photoId);
  const searching = [first, second].map(async (under) => {
    while (searches.running) {
      const found = await search(under, "a cup of coffee");
      searches.made++;
      if (found.length === 0) searches.empty++;
      if (!coffee.includes(found[0] ?? "")) searches.wrong++;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  });
  expect(await startReindexing(rules(first), "vision-next")).toEqual({
    model: next,
    state: MODEL_STATE_FILLING,
    filled: 0,
    total,
    failed: 0,
  });
  expect(await reasonOf(activateModel(rules(first), next))).toBe("MODEL_INCOMPLETE");
  expect(first.vectors.model).not.toBe(next);

  // Throttled, it gets only so far before it is stopped; nothing but what is stored tells the next one where to go on.
  const slow = fill(first, 10);
  await expect.poll(async () => (await stateOf(next)).filled, { timeout: 20_000 }).toBeGreaterThanOrEqual(2);
  await slow.stop();
  const stoppedAt = (await stateOf(next)).filled;
  expect(stoppedAt).toBeLessThan(total);
  // Two replicas: one has the lease, and a photo is never stored twice.
  const fillers = [fill(first), fill(second)];
  await expect.poll(async () => (await stateOf(next)).state, { timeout: 30_000 }).toBe(MODEL_STATE_READY);
  // New photos get both.
  const late = await upload("coffee.png#late", first);
  coffee.push(late.photoId);
  await expect.poll(async () => (await stateOf(next)).filled, { timeout: 10_000 }).toBe(total + 1);

  const compared = await compareModels(rules(first), { model: next, sample: 0 });
  // Copies of one picture are equally near: which of them is the tenth is anybody's guess.
  expect(compared).toEqual({ sample: total + 1, overlapAt10: expect.any(Number) });
  expect(compared.overlapAt10).toBeGreaterThan(0.9);

  const old = first.vectors.model;
  expect((await activateModel(rules(first), next)).state).toBe(MODEL_STATE_ACTIVE);
  expect(first.vectors.model).toBe(next);
  // Nothing tells the other replica but the row.
  await expect.poll(() => second.vectors.model, { timeout: 5_000 }).toBe(next);
  // What was made before the switch and comes after it is refused, to be made again.
  const stale = first.db
    .transaction()
    .execute((trx) => first.vectors.save(trx, late, new Float32Array(384).fill(0.05), old));
  expect(await reasonOf(stale)).toBe("MODEL_SWITCHED");
  await dropModel(rules(first), old);
  expect((await listIndexModels(first)).map(({ model }) => model)).toEqual([next]);
  searches.running = false;
  await Promise.all(searching);
  await expect
    .poll(async () => (await listModels(first.db)).some(({ filling }) => filling), { timeout: 10_000 })
    .toBe(false);
  await Promise.all(fillers.map((each) => each.stop()));
  expect(searches.made).toBeGreaterThan(20);
  expect([searches.empty, searches.wrong]).toEqual([0, 0]);
}, 120_000);

test("what cannot be read is counted as failed and keeps nothing waiting; deleted photos are nobody's business", async () => {
  const lost = { photoId: randomUUIDv7(), ownerId: owner, sha256: "gone.png" };
  const deleted = { photoId: randomUUIDv7(), ownerId: owner, sha256: "coffee.png" };
  await first.db.transaction().execute(async (trx) => {
    await addToDocument(trx, lost, {});
    await addToDocument(trx, deleted, {});
    await deleteDocument(trx, deleted);
  });
  const own = await startReindexing(rules(first), "vision");
  const filler = startFilling({
    db: first.db,
    engine,
    log,
    newId: randomUUID,
    rate: 1_000,
    pollMs: 50,
    previews: {
      open(photo, stages, signal) {
        const code = "DATA_LOSS";
        const broken = { code, reason: "BLOB_LOST", message: "The file is gone." };
        if (photo.photoId === lost.photoId) return Promise.reject(Object.assign(new Error("x"), broken));
        return previews.open(photo, stages, signal);
      },
    },
  });
  await expect
    .poll(async () => (await listIndexModels(first)).find(({ model }) => model === own.model), {
      timeout: 20_000,
    })
    .toMatchObject({ filled: photos.length, total: photos.length + 1, failed: 1, state: MODEL_STATE_READY });
  await filler.stop();
  const failures = await first.db.selectFrom("vector_failures").select(["photo_id", "reason"]).execute();
  expect(failures).toEqual([{ photo_id: lost.photoId, reason: expect.any(String) }]);
  await first.db.transaction().execute((trx) => deleteDocument(trx, lost));
  expect(await first.db.selectFrom("vector_failures").selectAll().execute()).toEqual([]);
}, 60_000);
