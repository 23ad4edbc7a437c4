import { connectAnalysis, createRawImageReader } from "@ocelli/analysis";
import { openService, type RunningService, type Runtime } from "@ocelli/chassis";
import { faceV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { FaceConfig } from "./config.ts";
import { consumeFaceEvents } from "./events.ts";
import { createFaceHandlers } from "./rpc/face-handlers.ts";
import { migrations } from "./store/migrations/index.ts";
import type { FaceTables } from "./store/tables.ts";

/** Starts the face service: faces, their quality and embeddings. */
export async function start(
  config: FaceConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine } = runtime;
  const host = await openService<FaceTables>({ name: "face", config, runtime, migrations });
  const { auth, previews } = await connectAnalysis({ name: "face", config, host, runtime });
  consumeFaceEvents({
    host,
    engine,
    previews,
    newId: runtime.newId,
    limits: config,
  });
  const rawImages = createRawImageReader({
    engine,
    maxBytes: config.maxRawBytes,
    maxConcurrent: config.maxRawConcurrent,
    receiveTimeoutMs: config.rawReceiveTimeoutMs,
  });
  const handlers = createFaceHandlers({ db: host.database.db, engine, rawImages });
  return host.serve(auth.verifier, faceV1.FaceServiceDefinition, handlers);
}
