import { randomUUID } from "node:crypto";
import { AppError, createLogger } from "@ocelli/chassis";
import { type eventsV1, searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { startEmbeddedDatabase } from "@ocelli/testkit";
import { type Kysely, type KyselyPlugin, sql } from "kysely";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { activateModel, dropModel, listIndexModels, startReindex } from "../src/index-models.ts";
import { startRebuilds } from "../src/rebuild.ts";
import { findSimilar } from "../src/similar.ts";
import { listModels } from "../src/store/index-models.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { IndexVectors } from "../src/vectors/index-vectors.ts";
import { addPhoto, fill, searchBy, sourcesOf, startEngineOf } from "./filling-harness.ts";
import { openVectorsOn, type VectorsUnderTest } from "./vectors-harness.ts";

const log = createLogger({ level: "silent", format: "json" });
const { SEARCH_MODE_SEMANTIC } = searchV1.SearchMode;
const { MODEL_STATE_READY } = searchV1.ModelState;
const reasonOf = (call: Promise<unknown>) => call.then(String, (error) => AppError.from(error).reason);
const similarTo = ({ photoId, ownerId }: eventsV1.PhotoRef, { db, vectors }: VectorsUnderTest) =>
  findSimilar({ db, vectors }, ownerId, searchV1.FindSimilarRequest.fromPartial({ photoId }));

type Database = Awaited<ReturnType<typeof startEmbeddedDatabase>>;

/** What the pixels of photos gave. */
async function looksOf(db: Kysely<SearchTables>) {
  const { rows: vectors } = await sql`select photo_id, vector::text from search.vectors_1 order by 1`.execute(
    db,
  );
  const pictures = await db
    .selectFrom("pictures")
    .select(["photo_id", "hash", "sharpness"])
    .orderBy("photo_id")
    .execute();
  const pairs = await db
    .selectFrom("duplicate_pairs")
    .select(["photo_id", "other_id", "exact"])
    .orderBy("photo_id")
    .orderBy("other_id")
    .execute();
  return { vectors, pictures, pairs };
}

const isFilling = async (db: Kysely<SearchTables>) => (await listModels(db)).some(({ filling }) => filling);

describe("what photos lack of the model that answers", () => {
  let engine: Engine;
  let database: Database;
  let under: VectorsUnderTest;
  const owner = randomUUID();
  const photos: eventsV1.PhotoRef[] = [];

  beforeAll(async () => {
    engine = startEngineOf({ id: "vision" });
    database = await startEmbeddedDatabase();
    under = await openVectorsOn(database.url, engine);
    for (const name of ["coffee.png#1", "chelsea.png", "coffee.png#2"])
      photos.push(await addPhoto(under, engine, owner, name));
  });
  afterAll(async () => {
    await under?.close();
    await engine?.close();
    await database?.close();
  });

  test("photos that were never looked at for duplicates are looked at after the start", async () => {
    const before = await looksOf(under.db);
    expect(before).toMatchObject({ pictures: [], pairs: [] });
    const filling = fill(under.db, engine);
    await expect.poll(() => isFilling(under.db), { timeout: 10_000 }).toBe(false);
    await filling.stop();
    const { vectors, pictures, pairs } = await looksOf(under.db);
    expect(vectors).toEqual(before.vectors);
    expect(pictures).toHaveLength(3);
    const [one, , two] = photos.map(({ photoId }) => photoId);
    expect(pairs).toEqual([
      { photo_id: one, other_id: two, exact: false },
      { photo_id: two, other_id: one, exact: false },
    ]);
  });

  test("a rebuild brings back vectors and duplicates that are gone, and tries again what was given up", async () => {
    const before = await looksOf(under.db);
    await sql`
      truncate search.documents, search.vectors_1, search.vector_codes_1, search.vector_owners, search.pictures,
        search.picture_bands, search.duplicate_pairs`.execute(under.db);
    const [first] = photos;
    if (!first) throw new Error("there is no photo");
    await under.db
      .insertInto("vector_failures")
      .values({ model_number: 1, photo_id: first.photoId, owner_id: owner, reason: "BLOB_LOST" })
      .execute();
    const rebuilds = startRebuilds({
      ...{ db: under.db, engine, log, sources: sourcesOf(photos), now: () => new Date(), newId: randomUUID },
      pollMs: 10,
    });
    const filling = fill(under.db, engine);
    await rebuilds.start();
    await expect.poll(async () => (await rebuilds.state()).running, { timeout: 10_000 }).toBe(false);
    await expect.poll(() => isFilling(under.db), { timeout: 10_000 }).toBe(false);
    await Promise.all([rebuilds.stop(), filling.stop()]);
    expect((await rebuilds.state()).error).toBe("");
    expect(await looksOf(under.db)).toEqual(before);
    expect(await searchBy(under, engine, owner, "a cup of coffee", SEARCH_MODE_SEMANTIC)).toContain(
      first.photoId,
    );
  });

  test("a photo that is given up, and looked at later, has not failed", async () => {
    await under.db
      .insertInto("vector_failures")
      .values({ model_number: 1, photo_id: photos[0]?.photoId ?? "", owner_id: owner, reason: "X" })
      .execute();
    expect(await listIndexModels(under)).toMatchObject([{ filled: 3, total: 3, failed: 0 }]);
  });
});

describe("two models", () => {
  const next = "vision-next@test-2";
  let engine: Engine;
  let database: Database;
  let under: VectorsUnderTest;
  /** Another replica, which has not heard of anything since it was opened. */
  let stale: VectorsUnderTest;
  const owner = randomUUID();
  let [coffee, copy]: eventsV1.PhotoRef[] = [];
  const rules = () => ({ db: under.db, engine, vectors: under.vectors });

  beforeAll(async () => {
    engine = startEngineOf({ id: "vision" }, { id: "vision-next", version: "test-2" });
    database = await startEmbeddedDatabase();
    under = await openVectorsOn(database.url, engine);
    coffee = await addPhoto(under, engine, owner, "coffee.png#1");
    copy = await addPhoto(under, engine, owner, "coffee.png#2");
    await addPhoto(under, engine, owner, "chelsea.png");
    stale = await openVectorsOn(database.url, engine);
    stale.vectors.stop();
  });
  afterAll(async () => {
    await under?.close();
    await stale?.close();
    await engine?.close();
    await database?.close();
  });

  test("a filled model is looked through again when photos come, and not all the time", async () => {
    let looks = 0;
    const counter: KyselyPlugin = {
      transformQuery({ node }) {
        const text = node.kind === "RawNode" ? node.sqlFragments.join("") : "";
        if (text.includes("order by d.photo_id desc")) looks++;
        return node;
      },
      transformResult: async ({ result }) => result,
    };
    await startReindex(rules(), "vision-next");
    const filling = fill(under.db.withPlugin(counter), engine);
    const stateOf = async () => (await listIndexModels(under)).find(({ model }) => model === next);
    await expect.poll(async () => (await stateOf())?.state, { timeout: 10_000 }).toBe(MODEL_STATE_READY);
    await expect
      .poll(async () => (await listModels(under.db)).map(({ filling: each }) => each), { timeout: 10_000 })
      .toEqual([false, true]);
    await new Promise((resolve) => setTimeout(resolve, 300));
    const before = looks;
    await new Promise((resolve) => setTimeout(resolve, 500));
    expect(looks).toBe(before);
    await addPhoto(under, engine, owner, "rocket.jpg");
    await expect.poll(async () => (await stateOf())?.filled, { timeout: 10_000 }).toBe(4);
    await filling.stop();
  });

  test("a search that began with a model that is dropped is made again with the one that answers", async () => {
    const old = under.vectors.model;
    await activateModel(rules(), next);
    await dropModel(rules(), old);
    expect(stale.vectors.model).toBe(old);
    const found = await searchBy(stale, engine, owner, "a cup of coffee", SEARCH_MODE_SEMANTIC);
    expect(found.slice(0, 2).toSorted()).toEqual([coffee?.photoId, copy?.photoId].toSorted());
    expect(stale.vectors.model).toBe(next);
  });

  test("similar photos are found though the model was dropped", async () => {
    const behind = new IndexVectors({ db: under.db, engine, log, cacheBytes: 0 });
    await behind.follow();
    behind.stop();
    const { number } = await under.db.selectFrom("index_models").select("number").executeTakeFirstOrThrow();
    await startReindex(rules(), "vision");
    const filling = fill(under.db, engine);
    const own = "vision@";
    await expect
      .poll(async () => (await listIndexModels(under)).at(-1), { timeout: 10_000 })
      .toMatchObject({ model: expect.stringContaining(own), state: MODEL_STATE_READY });
    await filling.stop();
    const key = (await listModels(under.db)).find(({ model }) => model.startsWith(own))?.model ?? "";
    await activateModel(rules(), key);
    await dropModel(rules(), next);
    expect(number).not.toBe((await listModels(under.db))[0]?.number);
    if (!coffee) throw new Error("there is no photo");
    const { hits } = await similarTo(coffee, { ...under, vectors: behind });
    expect(hits.map(({ photoId }) => photoId)).toEqual([copy?.photoId]);
  });

  test("words are found while no model can be run; who asks for pictures alone is told", async () => {
    const foreign = startEngineOf({ id: "vision", version: "elsewhere" });
    const vectors = new IndexVectors({ db: under.db, engine: foreign, log, cacheBytes: 0 });
    await vectors.follow();
    const replica = { db: under.db, vectors };
    expect(await searchBy(replica, foreign, owner, "chelsea")).toHaveLength(1);
    const semantic = searchBy(replica, foreign, owner, "chelsea", SEARCH_MODE_SEMANTIC);
    expect(await reasonOf(semantic)).toBe("MODEL_NOT_FOUND");
    vectors.stop();
    await foreign.close();
  });
});

test("a model that the manifest has no more is followed by the manifest's own, once that is filled", async () => {
  const database = await startEmbeddedDatabase();
  const [former, engine] = [
    startEngineOf({ id: "vision", version: "former" }),
    startEngineOf({ id: "vision" }),
  ];
  const owner = randomUUID();
  const before = await openVectorsOn(database.url, former);
  const coffee = await addPhoto(before, former, owner, "coffee.png#1");
  const copy = await addPhoto(before, former, owner, "coffee.png#2");
  await before.close();

  const under = await openVectorsOn(database.url, engine);
  expect(under.vectors.model).toBe("vision@former");
  const { hits } = await similarTo(coffee, under);
  expect(hits.map(({ photoId }) => photoId)).toEqual([copy.photoId]);
  // Nothing is filled yet: words find it, and pictures nothing.
  expect((await searchBy(under, engine, owner, "coffee")).toSorted()).toEqual(
    [coffee.photoId, copy.photoId].toSorted(),
  );
  expect(await searchBy(under, engine, owner, "rocket launch", SEARCH_MODE_SEMANTIC)).toEqual([]);
  const rocket = await addPhoto(under, engine, owner, "rocket.jpg");
  expect(await searchBy(under, engine, owner, "rocket launch", SEARCH_MODE_SEMANTIC)).toEqual([
    rocket.photoId,
  ]);

  const filling = fill(under.db, engine);
  await expect.poll(() => under.vectors.model, { timeout: 20_000 }).not.toBe("vision@former");
  await expect.poll(() => isFilling(under.db), { timeout: 10_000 }).toBe(false);
  await filling.stop();
  expect(await listIndexModels(under)).toMatchObject([
    { model: under.vectors.model, filled: 3, total: 3, failed: 0 },
    { model: "vision@former", filled: 2 },
  ]);
  expect(
    (await searchBy(under, engine, owner, "a cup of coffee", SEARCH_MODE_SEMANTIC)).slice(0, 2),
  ).toContain(coffee.photoId);
  await under.close();
  await Promise.all([former.close(), engine.close(), database.close()]);
});
