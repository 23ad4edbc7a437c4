import type { Metrics, Runtime, SettingsValues } from "@ocelli/chassis";
import { createEngine, type Engine, loadManifest, type Manifest, verifyManifest } from "@ocelli/inference";
import { boundByCalls } from "./bounded-engine.ts";
import type { engineSettings } from "./config.ts";
import { StartupError } from "./startup-error.ts";

/**
 * Creates the engine of a process once every model file is proven to be the right one.
 * @throws StartupError naming each missing or wrong file.
 */
export async function openEngine(
  config: SettingsValues<typeof engineSettings>,
  runtime?: Pick<Runtime, "log" | "metrics">,
): Promise<Engine> {
  const manifest = openManifest(config.models);
  const problems = await verifyManifest(manifest, { hash: true });
  if (problems.length > 0) throw new StartupError(problems.map((problem) => problem.message).join("; "));
  const engine = createEngine({
    manifest,
    workers: config.workers,
    threadsPerWorker: config.threadsPerWorker,
    queueLimit: config.engineQueue,
    idleRecycleMs: config.idleRecycleMs,
    ...(runtime ? { log: runtime.log, metrics: engineMetrics(runtime.metrics) } : {}),
  });
  return boundByCalls(engine);
}

function openManifest(path: string | undefined): Manifest {
  try {
    return loadManifest(path);
  } catch (error) {
    throw new StartupError(`${error instanceof Error ? error.message : String(error)}; see OCELLI_MODELS`);
  }
}

function engineMetrics(metrics: Metrics) {
  return {
    queueDepth: (model: string, depth: number) => metrics.modelQueue.set({ model }, depth),
    queueMs: (model: string, ms: number) => metrics.modelQueueSeconds.observe({ model }, ms / 1000),
    batchSize: (model: string, size: number) => metrics.batchSize.observe({ model }, size),
    runMs: (model: string, ms: number) => metrics.modelSeconds.observe({ model }, ms / 1000),
    dropped: (_model: string, reason: string) =>
      metrics.refused.inc({ reason: `MODEL_${reason.toUpperCase()}` }),
  };
}
