import { connectAnalysis, createRawImageReader } from "@ocelli/analysis";
import { createRpcClient, openService, type RunningService, type Runtime } from "@ocelli/chassis";
import { captioningV1, sceneV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { CaptioningConfig } from "./config.ts";
import { consumeCaptioningEvents } from "./events.ts";
import { createCaptioningHandlers } from "./rpc/captioning-handlers.ts";
import { createSceneDescriber, createStoredSceneReader } from "./scene-context.ts";
import { migrations } from "./store/migrations/index.ts";
import type { CaptioningTables } from "./store/tables.ts";

export { migrations } from "./store/migrations/index.ts";

/** Starts the captioning service: sentences about pictures and the text in them. */
export async function start(
  config: CaptioningConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine } = runtime;
  const host = await openService<CaptioningTables>({ name: "captioning", config, runtime, migrations });
  const { auth, previews } = await connectAnalysis({ name: "captioning", config, host, runtime });
  const scene = createRpcClient(sceneV1.SceneServiceDefinition, {
    address: config.sceneAddress,
    serviceToken: auth.serviceToken,
    limits: config,
    metrics: runtime.metrics,
  });
  host.onStop(() => scene.close());
  consumeCaptioningEvents({
    host,
    engine,
    previews,
    storedScene: createStoredSceneReader(scene.client),
    limits: config,
  });
  const rawImages = createRawImageReader({
    engine,
    maxBytes: config.maxRawBytes,
    maxConcurrent: config.maxRawConcurrent,
    receiveTimeoutMs: config.rawReceiveTimeoutMs,
  });
  const handlers = createCaptioningHandlers({
    db: host.database.db,
    engine,
    rawImages,
    describeScene: createSceneDescriber(scene.client),
  });
  return host.serve(auth.verifier, captioningV1.CaptioningServiceDefinition, handlers);
}
