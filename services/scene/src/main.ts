import { connectAnalysis, createRawImageReader } from "@ocelli/analysis";
import { openService, type RunningService, type Runtime } from "@ocelli/chassis";
import { sceneV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { SceneConfig } from "./config.ts";
import { consumeSceneEvents } from "./events.ts";
import { createSceneHandlers } from "./rpc/scene-handlers.ts";
import { migrations } from "./store/migrations/index.ts";
import type { SceneTables } from "./store/tables.ts";

export { migrations } from "./store/migrations/index.ts";

/** Starts the scene service: scene labels, tags, objects and colours. */
export async function start(
  config: SceneConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine } = runtime;
  const host = await openService<SceneTables>({ name: "scene", config, runtime, migrations });
  const { auth, previews } = await connectAnalysis({ name: "scene", config, host, runtime });
  consumeSceneEvents({
    host,
    engine,
    previews,
    limits: config,
  });
  const rawImages = createRawImageReader({
    engine,
    maxBytes: config.maxRawBytes,
    maxConcurrent: config.maxRawConcurrent,
    receiveTimeoutMs: config.rawReceiveTimeoutMs,
  });
  const handlers = createSceneHandlers({
    db: host.database.db,
    engine,
    rawImages,
    receiveTimeoutMs: config.rawReceiveTimeoutMs,
  });
  return host.serve(auth.verifier, sceneV1.SceneServiceDefinition, handlers);
}
