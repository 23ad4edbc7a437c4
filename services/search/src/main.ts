import { createPreviewSource } from "@ocelli/analysis";
import {
  connectAuth,
  createRpcClient,
  openService,
  type RunningService,
  type Runtime,
} from "@ocelli/chassis";
import { libraryV1, searchV1 } from "@ocelli/contracts";
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
  const auth = connectAuth({ ...config, name: "search", now });
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: config.libraryAddress,
    serviceToken: auth.serviceToken,
  });
  host.onStop(() => {
    library.close();
    auth.close();
  });
  consumeSearchEvents({
    host,
    engine,
    previews: createPreviewSource({ engine, library: library.client, fetchTimeoutMs: config.fetchTimeoutMs }),
    now,
    limits: config,
  });
  const handlers = createSearchHandlers({ db: host.database.db, engine, minScore: config.minScore });
  return host.serve(auth.verifier, searchV1.SearchServiceDefinition, handlers);
}
