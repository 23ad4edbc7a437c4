import { openDatabase, type ServiceHost } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { activateModel, compareModels, dropModel, listIndexModels, startReindex } from "./index-models.ts";
import { askForRebuild, rebuildState } from "./rebuild.ts";
import { findRebuild } from "./store/rebuild.ts";
import type { SearchTables } from "./store/tables.ts";
import { IndexVectors } from "./vectors/index-vectors.ts";

/** Where a model's vectors stand. */
export interface IndexModelReport {
  /** Id and version. */
  model: string;
  state: "filling" | "ready" | "active";
  filled: number;
  total: number;
  failed: number;
}

/** How a rebuild goes. */
export interface RebuildReport extends searchV1.Rebuild {
  /** Changes as long as a service works on it, even where that shows in no count yet. */
  pulse: string;
}

/** The rules about models, and building anew, on the store itself: the running service follows within seconds. */
export interface IndexOperator {
  list(): Promise<IndexModelReport[]>;
  /** Takes the id of the manifest; see `startReindex`. */
  start(modelId: string): Promise<IndexModelReport>;
  activate(model: string): Promise<IndexModelReport>;
  drop(model: string): Promise<void>;
  compare(model: string): Promise<searchV1.CompareModelsResponse>;
  /** Has the running service build all documents anew; see `askForRebuild`. */
  startRebuild(): Promise<searchV1.Rebuild>;
  rebuildState(): Promise<RebuildReport>;
  close(): Promise<void>;
}

/** What {@link openIndexOperator} needs. */
export interface IndexOperatorOptions {
  databaseUrl: string;
  /** Knows the manifest; no model is run. */
  engine: Engine;
  log: ServiceHost<SearchTables>["log"];
}

/** Opens the store of the service, which must have been started before: it is not migrated. */
export async function openIndexOperator({
  databaseUrl,
  engine,
  log,
}: IndexOperatorOptions): Promise<IndexOperator> {
  const database = openDatabase<SearchTables>({ url: databaseUrl, schema: "search", maxConnections: 2 });
  const { db } = database;
  const vectors = new IndexVectors({ db, engine, log, cacheBytes: 0 });
  const rules = { db, engine, vectors };
  return {
    list: async () => (await listIndexModels(rules)).map(reportOf),
    start: async (modelId) => reportOf(await startReindex(rules, modelId)),
    activate: async (model) => reportOf(await activateModel(rules, model)),
    drop: (model) => dropModel(rules, model),
    compare: (model) => compareModels(rules, { model, sample: 0 }),
    startRebuild: () => askForRebuild(db, new Date()),
    async rebuildState() {
      const pulse = (await findRebuild(db))?.worker_until?.toISOString() ?? "";
      return { ...(await rebuildState(db)), pulse };
    },
    async close() {
      vectors.stop();
      await database.close();
    },
  };
}

function reportOf({ state, ...counts }: searchV1.IndexModel): IndexModelReport {
  const { MODEL_STATE_ACTIVE, MODEL_STATE_READY } = searchV1.ModelState;
  const said = state === MODEL_STATE_ACTIVE ? "active" : state === MODEL_STATE_READY ? "ready" : "filling";
  return { ...counts, state: said };
}
