import {
  type AuthAccess,
  connectAuth,
  createRpcClient,
  createUpstream,
  type EventTables,
  type Runtime,
  type ServiceHost,
  type UpstreamLimits,
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
  > &
    Partial<UpstreamLimits>;
  /** Closes the connections when it stops. */
  host: ServiceHost<Tables>;
  runtime: Pick<Runtime, "now" | "bus"> & Partial<Pick<Runtime, "metrics">> & { engine: Engine };
}

/** Opens the connections to auth and library that every analysing service needs. */
export async function connectAnalysis<Tables extends EventTables>({
  name,
  config,
  host,
  runtime,
}: AnalysisConnectionOptions<Tables>): Promise<AnalysisConnections> {
  const { metrics, ...known } = runtime;
  const measured = metrics ? { metrics } : {};
  const auth = await connectAuth({
    ...config,
    ...measured,
    name,
    bus: known.bus,
    log: host.log,
    now: known.now,
  });
  const library = createRpcClient(libraryV1.LibraryServiceDefinition, {
    address: config.libraryAddress,
    serviceToken: auth.serviceToken,
    upstream: createUpstream({ name: "library", limits: config, metrics }),
  });
  host.onStop(async () => {
    library.close();
    await auth.close();
  });
  const { fetchTimeoutMs } = config;
  const previews = createPreviewSource({ engine: runtime.engine, library: library.client, fetchTimeoutMs });
  return { auth, previews };
}
