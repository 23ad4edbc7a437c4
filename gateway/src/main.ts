import { connectAuth, type DependencyCheck, type Runtime } from "@ocelli/chassis";
import { createApp } from "./app.ts";
import { openClients } from "./clients.ts";
import { type GatewayConfig, rateLimitsOf } from "./config.ts";
import { openGateDeps } from "./gate-deps.ts";
import { startPhotoWatch } from "./live/photo-watch.ts";
import { startUserWatch } from "./live/user-watch.ts";
import { createPhotoResults } from "./photo-results.ts";
import { createReadiness } from "./readiness.ts";
import { listen } from "./server.ts";
import { createAdmission } from "./slots.ts";
import { openUpstreamChecks } from "./upstream-health.ts";

/** A started gateway. */
export interface RunningGateway {
  readonly name: "gateway";
  /** Where people and clients reach it, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /** Ends live streams, drains what is in hand and releases everything. */
  stop(): Promise<void>;
}

/**
 * Starts the HTTP gateway. `checks` are further dependencies of the process, such as the databases of services that run
 * beside it; the services behind the gateway and the event bus are checked anyway.
 * @throws ConfigError when the address cannot be listened on.
 */
export async function start(
  config: GatewayConfig,
  runtime: Runtime & { readonly checks?: readonly DependencyCheck[] },
): Promise<RunningGateway> {
  const log = runtime.log.child({ service: "gateway" });
  const auth = await connectAuth({ name: "gateway", ...config, ...runtime, log });
  const { clients, close: closeClients } = openClients(config, auth.serviceToken);
  const upstreams = openUpstreamChecks(config);
  const stopping = new AbortController();
  const watch = await startPhotoWatch({ bus: runtime.bus, log });
  const userWatch = await startUserWatch({ bus: runtime.bus, log });
  const app = createApp({
    config,
    clients,
    results: createPhotoResults(clients),
    log,
    metrics: runtime.metrics,
    ...openGateDeps({ ...auth, clients, limits: rateLimitsOf(config), now: runtime.now }),
    revocations: auth.revocations,
    watch,
    userWatch,
    ...createAdmission(config),
    readiness: createReadiness([
      ...upstreams.checks,
      { name: "events", check: () => runtime.bus.ping() },
      ...(runtime.checks ?? []),
    ]),
    stopping: stopping.signal,
  });
  const release = async () => {
    await watch.stop();
    await userWatch.stop();
    upstreams.close();
    closeClients();
    await auth.close();
  };
  const server = await listen(app, config).catch(async (error: unknown) => {
    await release();
    throw error;
  });
  log.debug({ url: server.url }, "serving");
  return {
    name: "gateway",
    url: server.url,
    async stop() {
      stopping.abort();
      await server.stop(config.shutdownGraceMs);
      await release();
    },
  };
}
