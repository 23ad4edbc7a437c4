import { setTimeout as sleep } from "node:timers/promises";
import { AppError, type Logger } from "@ocelli/chassis";
import { embeddingDimension, embeddingModelVersion } from "./model/analyze.ts";
import { type FillOptions, makeMissingParts, saveMissingParts } from "./model-filling.ts";
import {
  dropRetiredModels,
  type FillLease,
  finishPass,
  holdPass,
  type PassEnd,
  registerModel,
  releasePass,
} from "./store/face-models.ts";
import { listUnfinishedPhotos, type UnfinishedPhoto } from "./store/missing-parts.ts";

/** What {@link createModelChange} stands on. */
export interface ModelChangeOptions extends FillOptions {
  /** The engine's model: what is missing of it is made. */
  model: string;
  /** Names this replica. */
  newId: () => string;
  log: Pick<Logger, "info" | "warn">;
  /** How long embeddings of a model stay that another one has replaced. */
  retentionMs: number;
  /** How long to wait when there is nothing to do, or what there is to do fails. */
  restMs?: number;
}

/**
 * Gives the engine's model a place in the store. Resolves as soon as scans can be stored; what faces lack of it is filled
 * in once that is started.
 */
export async function openModelChange(options: Omit<ModelChangeOptions, "model">): Promise<ModelChange> {
  const { db, engine } = options;
  const model = embeddingModelVersion(engine);
  await registerModel(db, { model, dimension: embeddingDimension(engine) });
  return createModelChange({ ...options, model });
}

/** Fills in what faces lack of the engine's model, and lets it take over from another one. */
export interface ModelChange {
  /** Begins to work in the background. */
  start(): void;
  /** Ends after the photo in hand; the next start goes on from there. */
  stop(): Promise<void>;
}

/** How long a replica that died keeps the others waiting. */
const leaseMs = 60_000;
/** Photos asked of the store at once. */
const photosAtOnce = 20;
/** Tries of one photo, in one go of this process, until it is passed over like one that cannot be read. */
const triesPerPhoto = 5;
const defaultRestMs = 30_000;

/**
 * Creates the background work. It rests as long as it works, so that uploads and searches come first, and takes turns
 * with other replicas.
 */
export function createModelChange(options: ModelChangeOptions): ModelChange {
  const { db, model, log, retentionMs, restMs = defaultRestMs } = options;
  const lease: FillLease = { model, owner: options.newId(), leaseMs };
  const stopping = new AbortController();
  const { signal } = stopping;
  let running: Promise<void> | undefined;
  /** The photo that failed last, and how often in a row. */
  let failing = { photoId: "", tries: 0 };

  async function fill(photo: UnfinishedPhoto): Promise<void> {
    try {
      await saveMissingParts(db, photo, await makeMissingParts(options, photo, { model, signal }), lease);
    } catch (error) {
      if (signal.aborted) throw error;
      const { photoId } = photo;
      failing = { photoId, tries: failing.photoId === photoId ? failing.tries + 1 : 1 };
      if (failing.tries < triesPerPhoto) throw error;
      log.warn({ photoId, reason: AppError.from(error).reason }, "faces of a photo cannot be embedded anew");
      await saveMissingParts(db, photo, "unreadable", lease);
    }
  }

  /** One batch. Answers whether there may be more at once. */
  async function step(): Promise<boolean> {
    const pass = await holdPass(db, lease);
    if (!pass) return false;
    const photos = await listUnfinishedPhotos(db, model, { after: pass.cursor, limit: photosAtOnce });
    if (photos.length === 0) return ended(await finishPass(db, lease));
    for (const photo of photos) {
      const startedAt = performance.now();
      await fill(photo);
      await sleep(performance.now() - startedAt, undefined, { signal });
    }
    return true;
  }

  function ended(end: PassEnd): boolean {
    if (end === "activated") log.info({ model }, "a new face model has taken over");
    return end === "again";
  }

  async function work(): Promise<void> {
    while (!signal.aborted) {
      try {
        if (await step()) continue;
        const dropped = await dropRetiredModels(db, retentionMs);
        if (dropped.length > 0) log.info({ models: dropped }, "embeddings of earlier face models are gone");
      } catch (error) {
        if (!signal.aborted) log.warn({ err: error }, "filling in faces is left for later");
      }
      await sleep(restMs, undefined, { signal }).catch(() => undefined);
    }
    await releasePass(db, lease).catch(() => undefined);
  }

  return {
    start() {
      running ??= work();
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}
