import type { PreviewSource } from "@ocelli/analysis";
import { AppError, type ServiceHost } from "@ocelli/chassis";
import type { eventsV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { switchTo } from "./index-models.ts";
import { listModels, type StoredModel } from "./store/index-models.ts";
import {
  endFilling,
  fillingMark,
  findUnfilled,
  findUnmarked,
  leaseFilling,
  releaseFilling,
} from "./store/reindex.ts";
import type { SearchTables } from "./store/tables.ts";
import { fillPhoto, type PhotoFilling } from "./vectors/fill-photo.ts";
import { modelOfKey } from "./vectors/joint-model.ts";
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

// A model that lacked nothing is looked through again when there is a reason to, and after this time in any case.
const lookAgainMs = 60_000;

/** One replica's work. */
interface Filler extends ReindexOptions, PhotoFilling {
  /** Holder of the lease. */
  id: string;
  /** When a model that does not answer was last found to lack nothing, and its mark then; by number. */
  complete: Map<number, { at: number; mark: string }>;
  /** Models that the manifest lacks, which is said once. */
  missing: Set<string>;
}

/**
 * Fills models that lack vectors, from the previews, one photo after another and no faster than the rate: analysis of
 * new photos goes first. What is left to do is what is not stored, so that it goes on after a kill as if nothing had
 * happened, in whichever replica gets the lease; photos that arrive meanwhile are filled in as well. A model that is
 * complete takes the place of one that the manifest has no more.
 */
export function startFilling(options: ReindexOptions): Reindex {
  const { log, pollMs = pollMsByDefault, newId } = options;
  const stop = new AbortController();
  const { signal } = stop;
  const filler: Filler = {
    ...options,
    id: newId(),
    signal,
    failures: new Map(),
    complete: new Map(),
    missing: new Set(),
  };
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
  const { db, engine, log, missing } = filler;
  const numbers = await leaseFilling(db, filler.id, leaseMs);
  if (numbers.length === 0) return 0;
  let taken = 0;
  const models = await listModels(db);
  const isAnswered = models.some(({ active, model }) => active && modelOfKey(engine, model));
  for (const model of models.filter(({ number }) => numbers.includes(number))) {
    if (modelOfKey(engine, model.model)) {
      const photos = await fillModel(filler, model);
      taken += photos;
      if (photos === 0 && !isAnswered) await takeOver(filler, model);
    } else if (!missing.has(model.model)) {
      missing.add(model.model);
      log.warn({ model: model.model }, "the manifest has no such model: it is not filled");
    }
  }
  return taken;
}

async function fillModel(filler: Filler, model: StoredModel): Promise<number> {
  const { db, rate, signal, complete } = filler;
  const at = performance.now();
  // Read before the photos: what is saved in between changes it.
  const mark = model.active ? "" : await fillingMark(db, model);
  const before = complete.get(model.number);
  if (!model.active && before?.mark === mark && at - before.at < lookAgainMs) return 0;
  const photos = await findLacking(db, model);
  if (photos.length > 0) complete.delete(model.number);
  // What arrives from now on is saved for the model that answers directly.
  else if (model.active) await endFilling(db, model, filler.id);
  else complete.set(model.number, { at, mark });
  for (const photo of photos) {
    signal.throwIfAborted();
    const startedAt = performance.now();
    const hasRun = await fillPhoto(filler, model, photo);
    // What is known by the same bytes costs next to nothing and need not wait.
    if (hasRun) await pause(1_000 / rate - (performance.now() - startedAt), signal);
  }
  return photos.length;
}

async function findLacking(db: Kysely<SearchTables>, model: StoredModel): Promise<eventsV1.PhotoRef[]> {
  const unfilled = await findUnfilled(db, model, photosAtOnce);
  if (unfilled.length > 0 || !model.active) return unfilled;
  return findUnmarked(db, model, photosAtOnce);
}

/** Lets a model that lacks nothing answer, since the one that answers cannot be run. */
async function takeOver({ db, engine, log }: Filler, { model }: StoredModel): Promise<void> {
  try {
    await switchTo({ db, engine }, model);
    log.info({ model }, "the model is filled and answers from now on");
  } catch (error) {
    // Photos came in between; it is tried again when they are filled in.
    if (AppError.from(error).reason !== "MODEL_INCOMPLETE") throw error;
  }
}
