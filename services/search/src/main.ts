import { connectAnalysis } from "@ocelli/analysis";
import { openService, type RunningService, type Runtime } from "@ocelli/chassis";
import { searchV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { SearchConfig } from "./config.ts";
import { consumeSearchEvents } from "./events.ts";
import { createSearchHandlers } from "./rpc/search-handlers.ts";
import { migrations } from "./store/migrations/index.ts";
import type { SearchTables } from "./store/tables.ts";

/** Starts the search service: one document and one embedding per photo. */
export async function start(
  config: SearchConfig,
  runtime: Runtime & { engine: Engine },
): Promise<RunningService> {
  const { engine, now } = runtime;
  const host = await openService<SearchTables>({ name: "search", config, runtime, migrations });
  const { auth, previews } = await connectAnalysis({ name: "search", config, host, runtime });
  consumeSearchEvents({
    host,
    engine,
    previews,
    now,
    limits: config,
  });
  const handlers = createSearchHandlers({ db: host.database.db, engine, minScore: config.minScore });
  return host.serve(auth.verifier, searchV1.SearchServiceDefinition, handlers);
}
