import { createPreviewSource, createRawImageReader } from "@ocelli/analysis";
import {
  connectAuth,
  createRpcClient,
  openService,
  type RunningService,
  type Runtime,
} from "@ocelli/chassis";
import { libraryV1, sceneV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { SceneConfig } from "./config.ts";
import { consumeSceneEvents } from "./events.ts";
import { createSceneHandlers } from "./rpc/scene-handlers.ts";
import { migrations } from "./store/migrations/index.ts";
import type { SceneTables } from "./store/tables.ts";

/** Starts the scene service: scene labels, tags, objects and colours. */
export async function start(
  config: SceneConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine, now } = runtime;
  const host = await openService<SceneTables>({ name: "scene", config, runtime, migrations });
  const auth = connectAuth({ ...config, name: "scene", now });
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: config.libraryAddress,
    serviceToken: auth.serviceToken,
  });
  host.onStop(() => {
    library.close();
    auth.close();
  });
  consumeSceneEvents({
    host,
    engine,
    previews: createPreviewSource({ engine, library: library.client, fetchTimeoutMs: config.fetchTimeoutMs }),
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
