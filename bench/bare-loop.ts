import { createHash } from "node:crypto";
import { availableParallelism } from "node:os";
import { captionImage, readText } from "@ocelli/captioning/analyze";
import { analyzeFaces } from "@ocelli/face/analyze";
import { createEngine, type Engine, embedImage, loadManifest } from "@ocelli/inference";
import { analyzeScene } from "@ocelli/scene/analyze";
import type { Picture } from "./pictures.ts";

// Long side of the library's previews: both sides look at the same number of pixels.
const previewLongSide = 1440;

/** Workers and threads of the engine; by default what `ocelli up` takes on this machine. */
export interface EngineShape {
  workers: number;
  threadsPerWorker: number;
}

/** What `ocelli up` takes by default (cli/src/config.ts). */
export function defaultShape(): EngineShape {
  const cores = availableParallelism();
  return {
    workers: Math.min(cores, 4),
    threadsPerWorker: Math.max(1, Math.floor(cores / Math.min(cores, 4))),
  };
}

/** Decode and models in this process, without HTTP, gRPC, events and stores. */
export interface BareLoop {
  /** Analyses all pictures, so many at a time; resolves with photos per second. */
  run(pictures: readonly Picture[], concurrency: number): Promise<number>;
  close(): Promise<void>;
}

/** Starts an engine and runs one picture through it, so that every model is loaded. */
export async function openBareLoop(shape: EngineShape, warmUp: readonly Picture[]): Promise<BareLoop> {
  const manifest = loadManifest();
  const engine = createEngine({ manifest, ...shape, queueLimit: 1024 });
  await engine.warm(manifest.models.map((model) => model.id));
  let runs = 0;
  const run = async (pictures: readonly Picture[], concurrency: number): Promise<number> => {
    // A key per run: nothing may come from the engine's caches.
    runs += 1;
    const queue = pictures.values();
    const startedAt = performance.now();
    const work = async (): Promise<void> => {
      for (const picture of queue) await analyse(engine, picture, `run-${runs}`);
    };
    await Promise.all(Array.from({ length: concurrency }, work));
    return pictures.length / ((performance.now() - startedAt) / 1000);
  };
  await run(warmUp, 2);
  return { run, close: () => engine.close() };
}

/** All that the stages of the mesh do with a photo, in the order of the stage tree. */
async function analyse(engine: Engine, { bytes }: Picture, prefix: string): Promise<void> {
  const key = `${prefix}/${createHash("sha256").update(bytes).digest("hex")}`;
  const image = await engine.decode(key, async () => bytes, { maxLongSide: previewLongSide });
  const captioned = analyzeScene(engine, image).then((scene) =>
    captionImage(engine, image, {
      objects: scene.objects,
      tags: scene.tags,
      scene: { label: scene.labels[0]?.label ?? "", unsure: scene.unsure, place: scene.place },
    }),
  );
  await Promise.all([
    captioned,
    analyzeFaces(engine, image),
    readText(engine, image),
    embedImage(engine, image),
  ]);
}
