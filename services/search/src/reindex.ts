import type { PreviewSource } from "@ocelli/analysis";
import { AppError, isDeletedOwner, type ServiceHost } from "@ocelli/chassis";
import type { eventsV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { listModels, type StoredModel, setFilling } from "./store/index-models.ts";
import { findUnfilled, leaseFilling, lockDocument, releaseFilling, saveFailure } from "./store/reindex.ts";
import type { SearchTables } from "./store/tables.ts";
import { findVectorOfBytes, saveVector } from "./store/vectors.ts";
import { embedPicture, modelOfKey } from "./vectors/joint-model.ts";
import { pause } from "./waiting.ts";

/** What filling needs. */
export interface ReindexOptions {
  db: Kysely<SearchTables>;
  engine: Engine;
  previews: PreviewSource;
  log: ServiceHost<SearchTables>["log"];
  newId: () => string;
  /** Photos per second, at most. */
  rate: number;
  /** How often it looks for something to do. */
  pollMs?: number;
}

/** Filling in the background. */
export interface Reindex {
  /** Ends what is under way; what is stored stays, and is where the next one goes on. */
  stop(): Promise<void>;
}

const pollMsByDefault = 2_000;
// Few at a time: between them the lease is renewed, and a stop is heard.
const photosAtOnce = 16;
// Three times as long as a batch of slow photos takes.
const leaseMs = 60_000;
// Something else than the photo is broken; it may be all right again in a while.
const pauseAfterErrorMs = 5_000;

const unexplained = AppError.from(new Error("unexplained")).code;
const maxAttempts = 3;

/** One replica's work. */
interface Filler extends ReindexOptions {
  /** Holder of the lease. */
  id: string;
  signal: AbortSignal;
  /** Attempts that failed, by photo. */
  failures: Map<string, number>;
}

/**
 * Fills models that lack vectors, from the previews, one photo after another and no faster than the rate: analysis of
 * new photos goes first. What is left to do is what is not stored, so that it goes on after a kill as if nothing had
 * happened, in whichever replica gets the lease; photos that arrive meanwhile are filled in as well.
 */
export function startFilling(options: ReindexOptions): Reindex {
  const { log, pollMs = pollMsByDefault, newId } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const filler: Filler = { ...options, id: newId(), signal, failures: new Map() };
  const running = (async () => {
    while (!signal.aborted) {
      try {
        const filled = await fillSome(filler);
        if (filled === 0) await pause(pollMs, signal);
      } catch (error) {
        if (signal.aborted) break;
        log.warn({ err: error }, "filling the vectors of a model has to wait");
        await pause(pauseAfterErrorMs, signal);
      }
    }
    await releaseFilling(options.db, filler.id).catch(() => undefined);
  })();
  return {
    async stop() {
      stop.abort();
      await running;
    },
  };
}

/** Fills a few photos of each model; resolves with how many it took on. */
async function fillSome(filler: Filler): Promise<number> {
  const { db, engine, log } = filler;
  const numbers = await leaseFilling(db, filler.id, leaseMs);
  if (numbers.length === 0) return 0;
  let taken = 0;
  for (const model of (await listModels(db)).filter(({ number }) => numbers.includes(number))) {
    if (modelOfKey(engine, model.model)) taken += await fillModel(filler, model);
    else log.warn({ model: model.model }, "the manifest has no such model: it is not filled");
  }
  return taken;
}

async function fillModel(filler: Filler, model: StoredModel): Promise<number> {
  const { db, rate, signal } = filler;
  const photos = await findUnfilled(db, model, photosAtOnce);
  // What arrives from now on is saved for it directly.
  if (photos.length === 0 && model.active) await setFilling(db, model.number, false);
  for (const photo of photos) {
    signal.throwIfAborted();
    const startedAt = performance.now();
    const hasRun = await fillPhoto(filler, model, photo);
    // Vectors of the same bytes cost next to nothing and need not wait.
    if (hasRun) await pause(1_000 / rate - (performance.now() - startedAt), signal);
  }
  return photos.length;
}

/** Resolves with whether a model ran. */
async function fillPhoto(filler: Filler, model: StoredModel, photo: eventsV1.PhotoRef): Promise<boolean> {
  const { db } = filler;
  const known = await findVectorOfBytes(db, model, photo.sha256);
  const made = known ?? (await makeVector(filler, model, photo));
  await db.transaction().execute(async (trx) => {
    if ((await isDeletedOwner(trx, photo.ownerId)) || !(await lockDocument(trx, photo))) return;
    if (typeof made === "string") await saveFailure(trx, model, photo, made);
    else await saveVector(trx, model, photo, made);
  });
  return known === undefined;
}

/** The vector, or why there is none. Throws what has nothing to do with the photo. */
async function makeVector(
  { engine, previews, signal, failures }: Filler,
  { model: key }: StoredModel,
  photo: eventsV1.PhotoRef,
): Promise<Float32Array | string> {
  const model = modelOfKey(engine, key);
  if (!model) throw new Error(`the manifest has no model ${key}`);
  try {
    return await embedPicture(engine, model, await previews.open(photo, ["embed"], signal), signal);
  } catch (error) {
    signal.throwIfAborted();
    const { code, reason, retryable } = AppError.from(error);
    if (!retryable) return reason;
    const attempts = (failures.get(photo.photoId) ?? 0) + 1;
    // Unexplained, it is this photo's fault or everybody's; the others must not wait for one for ever.
    if (code !== unexplained || attempts < maxAttempts) {
      failures.set(photo.photoId, attempts);
      throw error;
    }
    failures.delete(photo.photoId);
    return reason;
  }
}
