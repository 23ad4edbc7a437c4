import { connectAnalysis, createRawImageReader } from "@ocelli/analysis";
import { openService, type RunningService, type Runtime } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { SearchConfig } from "./config.ts";
import { consumeSearchEvents } from "./events.ts";
import { openFindingServices } from "./finding-service.ts";
import { Background } from "./ranking/background.ts";
import { startRebuilds } from "./rebuild.ts";
import { connectSources } from "./rebuild-connections.ts";
import { startFilling } from "./reindex.ts";
import { createIndexHandlers } from "./rpc/index-handlers.ts";
import { createSearchHandlers } from "./rpc/search-handlers.ts";
import { findFirst, type SearchDependencies, searchPhotos } from "./search.ts";
import { migrations } from "./store/migrations/index.ts";
import type { SearchTables } from "./store/tables.ts";
import { openVectors } from "./vectors/index-vectors.ts";

export {
  type IndexModelReport,
  type IndexOperator,
  openIndexOperator,
  type RebuildReport,
} from "./operator.ts";

export { migrations } from "./store/migrations/index.ts";
export { type ModelToRestore, type RestoredModels, restoreModels } from "./store/restored-models.ts";

/** Starts the search service: one document and one embedding per photo. */
export async function start(
  config: SearchConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine, now, newId } = runtime;
  const host = await openService<SearchTables>({ name: "search", config, runtime, migrations });
  const { auth, previews } = await connectAnalysis({ name: "search", config, host, runtime });
  const { db } = host.database;
  const { log } = host;
  const vectors = await openVectors({ db, engine, log, cacheBytes: config.vectorCacheBytes });
  host.onStop(() => vectors.stop());
  const filling = startFilling({ db, engine, previews, log, newId, rate: config.reindexRate });
  host.onStop(() => filling.stop());
  consumeSearchEvents({
    host,
    engine,
    vectors,
    previews,
    now,
    limits: config,
  });
  const rawImages = createRawImageReader({
    engine,
    maxBytes: config.maxRawBytes,
    maxConcurrent: config.maxRawConcurrent,
    receiveTimeoutMs: config.rawReceiveTimeoutMs,
  });
  const search: SearchDependencies = {
    db,
    engine,
    vectors,
    background: new Background(vectors),
    now,
    minScore: config.minScore,
  };
  openFindingServices({
    host,
    runtime,
    search: (searcher, request) => searchPhotos(search, searcher, request),
    findFirst: (searcher, request, limit) => findFirst(search, searcher, request, limit),
  });
  const { sources, close } = connectSources(config, {
    serviceToken: auth.serviceToken,
    metrics: runtime.metrics,
  });
  host.onStop(close);
  const rebuilds = startRebuilds({ db, engine, sources, log, now, newId });
  host.onStop(() => rebuilds.stop());
  const startRebuild = async () => ({ rebuild: await rebuilds.start() });
  const getRebuild = async () => ({ rebuild: await rebuilds.state() });
  const indexHandlers = createIndexHandlers({ db, engine, vectors, startRebuild, getRebuild });
  host.provide(searchV1.IndexServiceDefinition, indexHandlers);
  const receiveTimeoutMs = config.rawReceiveTimeoutMs;
  const handlers = createSearchHandlers({ ...search, vectors, rawImages, receiveTimeoutMs });
  return host.serve(auth.verifier, searchV1.SearchServiceDefinition, handlers);
}
