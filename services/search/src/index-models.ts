import { failedPrecondition, invalidArgument, notFound } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import {
  beginFilling,
  countLost,
  countVectors,
  listModels,
  lockModels,
  pointTo,
  registerModel,
  removeModel,
  type StoredModel,
} from "./store/index-models.ts";
import { clearFailures, sampleOfBoth } from "./store/reindex.ts";
import type { SearchTables } from "./store/tables.ts";
import type { IndexVectors } from "./vectors/index-vectors.ts";
import { dimensionOf, findImageModel, modelKey, modelOfKey } from "./vectors/joint-model.ts";

/** What the rules about models need. */
export interface IndexModelDependencies {
  db: Kysely<SearchTables>;
  engine: Engine;
  vectors: IndexVectors;
}

const { MODEL_STATE_ACTIVE, MODEL_STATE_FILLING, MODEL_STATE_READY } = searchV1.ModelState;
const sampleLimits = { default: 50, most: 500 };
const neighbours = 10;

/** Models with vectors, the active one first. */
export async function listIndexModels({
  db,
}: Pick<IndexModelDependencies, "db">): Promise<searchV1.IndexModel[]> {
  const models = await listModels(db);
  return Promise.all(models.map((model) => describe(db, model, models)));
}

/**
 * Starts filling a model of the manifest beside the one that answers, or goes on where it stopped; photos that were
 * given up are tried again.
 * @throws AppError NOT_FOUND/MODEL_NOT_FOUND, FAILED_PRECONDITION/{MODEL_ACTIVE,REINDEX_RUNNING}.
 */
export async function startReindex(
  { db, engine, vectors }: IndexModelDependencies,
  modelId: string,
): Promise<searchV1.IndexModel> {
  const wanted = findImageModel(engine, modelId);
  if (!wanted)
    throw notFound(
      "MODEL_NOT_FOUND",
      "The manifest has no model of that id that makes embeddings of pictures.",
    );
  const key = modelKey(wanted);
  const models = await listModels(db);
  if (models.some(({ model, active }) => active && model === key)) throw isActiveError(key);
  for (const other of models.filter(({ model, filling, active }) => filling && !active && model !== key)) {
    if ((await lostBy(db, other, models)) > 0)
      throw failedPrecondition("REINDEX_RUNNING", `The model ${other.model} is being filled.`);
  }
  const { number } = await registerModel(db, key, dimensionOf(wanted));
  await clearFailures(db, number);
  await beginFilling(db, number);
  await vectors.follow();
  return describeByKey(db, key);
}

/**
 * Lets another model answer.
 * @throws AppError as {@link switchTo}.
 */
export async function activateModel(
  dependencies: IndexModelDependencies,
  key: string,
): Promise<searchV1.IndexModel> {
  const { db, vectors } = dependencies;
  await switchTo(dependencies, key);
  await vectors.follow();
  return describeByKey(db, key);
}

/**
 * Lets another model answer; the replicas follow.
 * @throws AppError NOT_FOUND/MODEL_NOT_FOUND, FAILED_PRECONDITION/{MODEL_INCOMPLETE,MODEL_NOT_RUNNABLE}.
 */
export async function switchTo(
  { db, engine }: Pick<IndexModelDependencies, "db" | "engine">,
  key: string,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const models = await listModels(trx);
    const next = findModel(models, key);
    if (!modelOfKey(engine, key))
      throw failedPrecondition("MODEL_NOT_RUNNABLE", `The manifest has no model ${key} any more.`);
    if (next.active) return;
    // From here on nothing more is saved for the model that answered, so that what is counted next stays true.
    await pointTo(trx, next.number);
    const lost = await lostBy(trx, next, models);
    if (lost > 0) throw failedPrecondition("MODEL_INCOMPLETE", `${lost} photos lack a vector of ${key}.`);
  });
}

/**
 * Has everything filled in that photos lack of the model that answers, in the background: vectors, and what tells
 * duplicates. What could not be filled in before is tried again.
 */
export async function refillActive(db: Kysely<SearchTables>): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const active = (await listModels(trx)).find((each) => each.active);
    if (!active) return;
    await clearFailures(trx, active.number);
    await beginFilling(trx, active.number);
  });
}

/**
 * Deletes the vectors of a model.
 * @throws AppError NOT_FOUND/MODEL_NOT_FOUND, FAILED_PRECONDITION/MODEL_ACTIVE.
 */
export async function dropModel({ db, vectors }: IndexModelDependencies, key: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await lockModels(trx);
    const { number, active } = findModel(await listModels(trx), key);
    if (active) throw isActiveError(key);
    await removeModel(trx, number);
  });
  await vectors.follow();
}

/**
 * How far a model's neighbours of photos are those of the active one.
 * @throws AppError NOT_FOUND/MODEL_NOT_FOUND, INVALID_ARGUMENT/INVALID_SAMPLE.
 */
export async function compareModels(
  { db, vectors }: Pick<IndexModelDependencies, "db" | "vectors">,
  { model: key, sample }: searchV1.CompareModelsRequest,
): Promise<searchV1.CompareModelsResponse> {
  if (sample < 0 || sample > sampleLimits.most)
    throw invalidArgument("INVALID_SAMPLE", `A sample has at most ${sampleLimits.most} photos.`, [
      { field: "sample", description: `must be a whole number from 0 to ${sampleLimits.most}` },
    ]);
  await vectors.follow();
  const models = await listModels(db);
  const other = findModel(models, key);
  const active = findModel(models, vectors.model);
  const photos = await sampleOfBoth(db, active, other, sample || sampleLimits.default);
  let sum = 0;
  for (const { ownerId, photoId } of photos) {
    const mine = await neighboursOf(vectors, active.model, ownerId, photoId);
    const theirs = await neighboursOf(vectors, other.model, ownerId, photoId);
    const common = mine.filter((each) => theirs.includes(each)).length;
    // A photo alone has the same neighbours by every model: none.
    sum += common / Math.max(1, mine.length, theirs.length) || (mine.length + theirs.length === 0 ? 1 : 0);
  }
  return { sample: photos.length, overlapAt10: photos.length === 0 ? 0 : sum / photos.length };
}

async function neighboursOf(vectors: IndexVectors, model: string, ownerId: string, photoId: string) {
  const embedding = await vectors.ofPhoto(ownerId, photoId, model);
  if (!embedding) return [];
  const found = await vectors.nearest({ ownerId, embedding, limit: neighbours + 1, model });
  const ids = found.map((each) => each.photoId).filter((each) => each !== photoId);
  return ids.slice(0, neighbours);
}

function findModel(models: readonly StoredModel[], key: string): StoredModel {
  const model = models.find((each) => each.model === key);
  if (!model) throw notFound("MODEL_NOT_FOUND", "The index has no vectors of that model.");
  return model;
}

/** Photos that are found now and would not be by another model; none while no model answers. */
async function lostBy(
  db: Kysely<SearchTables>,
  next: StoredModel,
  models: readonly StoredModel[],
): Promise<number> {
  const active = models.find((each) => each.active);
  return active ? countLost(db, active.number, next.number) : 0;
}

async function describe(
  db: Kysely<SearchTables>,
  model: StoredModel,
  models: readonly StoredModel[],
): Promise<searchV1.IndexModel> {
  const counts = await countVectors(db, model.number);
  if (model.active) return { model: model.model, state: MODEL_STATE_ACTIVE, ...counts };
  const isComplete = (await lostBy(db, model, models)) === 0;
  return { model: model.model, state: isComplete ? MODEL_STATE_READY : MODEL_STATE_FILLING, ...counts };
}

async function describeByKey(db: Kysely<SearchTables>, key: string): Promise<searchV1.IndexModel> {
  const models = await listModels(db);
  return describe(db, findModel(models, key), models);
}

function isActiveError(key: string) {
  return failedPrecondition("MODEL_ACTIVE", `The model ${key} answers searches.`);
}
