import {
  type AuthAccess,
  connectAuth,
  createRpcClient,
  type EventTables,
  type Runtime,
  type ServiceHost,
} from "@ocelli/chassis";
import { libraryV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import { createPreviewSource, type PreviewSource } from "./preview-source.ts";
import type { AnalysisConfig } from "./settings.ts";

/** What an analysing service reaches in the mesh. */
export interface AnalysisConnections {
  auth: AuthAccess;
  previews: PreviewSource;
}

/** Settings of {@link connectAnalysis}. */
export interface AnalysisConnectionOptions<Tables extends EventTables> {
  /** Service account name. */
  name: string;
  config: Pick<
    AnalysisConfig,
    "authAddress" | "serviceSecret" | "tokenIssuer" | "tokenAudience" | "libraryAddress" | "fetchTimeoutMs"
  >;
  /** Closes the connections when it stops. */
  host: ServiceHost<Tables>;
  runtime: Pick<Runtime, "now"> & { engine: Engine };
}

/** Opens the connections to auth and library that every analysing service needs. */
export function connectAnalysis<Tables extends EventTables>({
  name,
  config,
  host,
  runtime,
}: AnalysisConnectionOptions<Tables>): AnalysisConnections {
  const auth = connectAuth({ ...config, name, now: runtime.now });
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: config.libraryAddress,
    serviceToken: auth.serviceToken,
  });
  host.onStop(() => {
    library.close();
    auth.close();
  });
  const { fetchTimeoutMs } = config;
  const previews = createPreviewSource({ engine: runtime.engine, library: library.client, fetchTimeoutMs });
  return { auth, previews };
}
