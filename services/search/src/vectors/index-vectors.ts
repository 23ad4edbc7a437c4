import { type ServiceHost, unavailable } from "@ocelli/chassis";
import type { eventsV1 } from "@ocelli/contracts";
import type { Engine, RgbImage } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { listModels, lockActiveModel, type StoredModel } from "../store/index-models.ts";
import type { SearchTables } from "../store/tables.ts";
import { findVectorOfBytes, saveVector, vectorOfPhoto } from "../store/vectors.ts";
import type { ModelVector, NearestQuery, Neighbour, Vectors } from "../vectors.ts";
import { CodeCache } from "./code-cache.ts";
import { embedForModel, embedPicture, modelKey, modelOfKey } from "./joint-model.ts";
import { findNearest } from "./nearest.ts";
import { startModel } from "./start-model.ts";
import { modelGone } from "./switches.ts";

/** What {@link openVectors} needs. */
export interface VectorsOptions {
  db: Kysely<SearchTables>;
  engine: Engine;
  log: ServiceHost<SearchTables>["log"];
  /** Most bytes of codes kept in this process. */
  cacheBytes: number;
}

// Every replica follows a switch within this time; one row is read.
const followMs = 1_000;

/** Opens the vectors of the index: those of the active model or, in an empty index, of the manifest's own. */
export async function openVectors(options: VectorsOptions): Promise<IndexVectors> {
  await startModel(options);
  const vectors = new IndexVectors(options);
  await vectors.follow();
  return vectors;
}

/** Vectors in one table per model, of which the active one answers. */
export class IndexVectors implements Vectors {
  readonly #options: VectorsOptions;
  readonly #codes: CodeCache;
  readonly #timer: NodeJS.Timeout;
  #models: StoredModel[] = [];

  constructor(options: VectorsOptions) {
    this.#options = options;
    this.#codes = new CodeCache({ db: options.db, maxBytes: options.cacheBytes });
    this.#timer = setInterval(() => {
      // The next round follows; until then the model that was active answers, whose vectors are still there.
      this.follow().catch((error: unknown) =>
        options.log.debug({ err: error }, "cannot read the index models"),
      );
    }, followMs).unref();
  }

  get model(): string {
    return this.#active.model;
  }

  /** Bytes of codes kept in this process. */
  get cachedBytes(): number {
    return this.#codes.bytes;
  }

  get #active(): StoredModel {
    const active = this.#models.find((each) => each.active);
    if (!active) throw unavailable("NO_ACTIVE_MODEL", "No model answers searches at the moment.");
    return active;
  }

  async follow(): Promise<void> {
    this.#models = await listModels(this.#options.db);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async embedTexts(
    texts: string[],
    model: string = this.#maker,
  ): Promise<{ model: string; embeddings: Float32Array[] }> {
    const { engine } = this.#options;
    return { model, embeddings: await embedForModel(engine, this.#runnable(model), texts) };
  }

  async embedPicture(image: RgbImage, signal: AbortSignal): Promise<ModelVector> {
    const model = this.#maker;
    const { engine } = this.#options;
    return { model, embedding: await embedPicture(engine, this.#runnable(model), image, signal) };
  }

  /** The model that makes vectors: the active one or, where the manifest has it no more, the manifest's own. */
  get #maker(): string {
    const { engine } = this.#options;
    const { model } = this.#active;
    const own = modelKey(engine.model("vision"));
    const isStored = this.#models.some((each) => each.model === own);
    return !modelOfKey(engine, model) && isStored ? own : model;
  }

  #runnable(key: string) {
    const model = modelOfKey(this.#options.engine, key);
    if (model) return model;
    throw unavailable("MODEL_NOT_FOUND", `The model ${key} is not in the manifest.`);
  }

  async save(
    trx: Kysely<SearchTables>,
    photo: eventsV1.PhotoRef,
    embedding: Float32Array,
    model: string = this.model,
  ): Promise<void> {
    // Made before a switch and stored after it, it would be missing among the vectors that answer.
    const active = await lockActiveModel(trx);
    if (model !== active && !this.#isSuccessor(model, active))
      throw unavailable("MODEL_SWITCHED", `The model ${model} does not answer searches any more.`);
    await saveVector(trx, this.#stored(model), photo, embedding);
  }

  /** True of a model that is filled to take the place of one that the manifest has no more. */
  #isSuccessor(key: string, active: string | undefined): boolean {
    if (active === undefined || modelOfKey(this.#options.engine, active)) return false;
    return this.#stored(key).filling;
  }

  async findOfBytes(sha256: string): Promise<Float32Array | undefined> {
    return findVectorOfBytes(this.#options.db, this.#active, sha256);
  }

  async ofPhoto(
    ownerId: string,
    photoId: string,
    model: string = this.model,
  ): Promise<Float32Array | undefined> {
    return vectorOfPhoto(this.#options.db, this.#stored(model), ownerId, photoId);
  }

  async nearest(query: NearestQuery): Promise<Neighbour[]> {
    const model = this.#stored(query.model ?? this.model);
    return findNearest({ db: this.#options.db, codes: this.#codes }, model, query);
  }

  #stored(key: string): StoredModel {
    const model = this.#models.find((each) => each.model === key);
    if (model) return model;
    throw modelGone(key);
  }
}
