import { connectAnalysis, createRawImageReader } from "@ocelli/analysis";
import { openService, type RunningService, type Runtime } from "@ocelli/chassis";
import { faceV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { FaceConfig } from "./config.ts";
import { consumeFaceEvents } from "./events.ts";
import { createFaceSettings } from "./face-settings.ts";
import { createPeopleGrouping } from "./grouping.ts";
import { embeddingModelVersion } from "./model/analyze.ts";
import { openModelChange } from "./model-change.ts";
import { appendPeopleChanges } from "./people-events.ts";
import { openPeopleService } from "./people-service.ts";
import { createRegroupings } from "./regroupings.ts";
import { createFaceHandlers } from "./rpc/face-handlers.ts";
import { migrations } from "./store/migrations/index.ts";
import type { FaceTables } from "./store/tables.ts";

export { migrations } from "./store/migrations/index.ts";
export { makePartitions } from "./store/partitions.ts";

/** Starts the face service: faces, their quality and embeddings, and the persons they belong to. */
export async function start(
  config: FaceConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine, newId } = runtime;
  const host = await openService<FaceTables>({ name: "face", config, runtime, migrations });
  const { relay, log } = host;
  const { db } = host.database;
  const background: { start(): void; stop(): Promise<void> }[] = [];
  // Before the connections are closed that they use.
  host.onStop(async () => void (await Promise.all(background.map((each) => each.stop()))));
  const { auth, previews } = await connectAnalysis({ name: "face", config, host, runtime });
  const { modelRetentionMs: retentionMs } = config;
  background.push(await openModelChange({ db, log, engine, previews, newId, retentionMs }));
  const { grouping, search, suggestions, worker } = createPeopleGrouping({
    db,
    model: embeddingModelVersion(engine),
    newId,
    log,
    announce: appendPeopleChanges,
    onStep: () => relay.kick(),
    settings: config,
  });
  background.push(worker);
  consumeFaceEvents({ host, engine, previews, grouping, newId, limits: config });
  const rawImages = createRawImageReader({
    engine,
    maxBytes: config.maxRawBytes,
    maxConcurrent: config.maxRawConcurrent,
    receiveTimeoutMs: config.rawReceiveTimeoutMs,
  });
  openPeopleService({
    host,
    runtime,
    settings: createFaceSettings({ db }),
    engine,
    rawImages,
    search,
    regrouping: createRegroupings({ db }),
    candidates: suggestions,
  });
  const handlers = createFaceHandlers({ db, engine, rawImages });
  const service = await host.serve(auth.verifier, faceV1.FaceServiceDefinition, handlers);
  for (const each of background) each.start();
  return service;
}
