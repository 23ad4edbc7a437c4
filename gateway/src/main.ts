import { setTimeout as sleep } from "node:timers/promises";
import {
  connectAuth,
  createAdmission,
  createStandingLimit,
  type DependencyCheck,
  type Runtime,
  watchLoopDelay,
} from "@ocelli/chassis";
import { createApp } from "./app.ts";
import { openClients } from "./clients.ts";
import { type GatewayConfig, rateLimitsOf } from "./config.ts";
import { openGateDeps } from "./gate-deps.ts";
import { startPhotoWatch } from "./live/photo-watch.ts";
import { startUserWatch } from "./live/user-watch.ts";

export { createRequestRecorder } from "./debug/request-recorder.ts";

import { createPhotoResults } from "./photo-results.ts";
import { createReadiness } from "./readiness.ts";
import { listen } from "./server.ts";
import { createUserSlots } from "./slots.ts";
import { openUpstreamChecks } from "./upstream-health.ts";

/** A started gateway. */
export interface RunningGateway {
  readonly name: "gateway";
  /** Where people and clients reach it, e.g. `http://127.0.0.1:8080`. */
  readonly url: string;
  /**
   * Says that it is not ready and lets balancers notice; then takes no more, ends live streams, which resume elsewhere,
   * lets the rest finish within the grace, and releases everything.
   */
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
  const { clients, upstreams, close: closeClients } = openClients(config, auth.serviceToken, runtime.metrics);
  const services = openUpstreamChecks(config, upstreams);
  const [draining, stopping] = [new AbortController(), new AbortController()];
  const loopDelay = watchLoopDelay();
  const watch = await startPhotoWatch({ bus: runtime.bus, log });
  const userWatch = await startUserWatch({ bus: runtime.bus, log });
  const app = createApp({
    config,
    clients,
    results: createPhotoResults(clients),
    log,
    metrics: runtime.metrics,
    recorder: runtime.recorder,
    ...openGateDeps({ ...auth, clients, limits: rateLimitsOf(config), now: runtime.now }),
    revocations: auth.revocations,
    watch,
    userWatch,
    ...createUserSlots(config),
    admission: createAdmission({
      limit: config.maxActiveRequests,
      maxDelayMs: config.maxLoopDelayMs,
      delay: loopDelay,
      standing: standingLimits(config),
      onRefused: (reason) => runtime.metrics.refused.inc({ reason }),
    }),
    readiness: createReadiness({
      checks: [
        ...services.checks,
        { name: "events", check: () => runtime.bus.ping() },
        ...(runtime.checks ?? []),
      ],
      draining: draining.signal,
    }),
    stopping: stopping.signal,
  });
  const release = async () => {
    await watch.stop();
    await userWatch.stop();
    services.close();
    loopDelay.stop();
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
      draining.abort();
      await sleep(config.shutdownDelayMs);
      stopping.abort();
      await server.stop(config.shutdownGraceMs);
      await release();
    },
  };
}

/** What people wait for is kept short of a line; uploads and analyses have bounds of their own. */
function standingLimits({ maxRequestDelayMs, maxActiveRequests }: GatewayConfig) {
  const limitOf = (targetMs: number, least: number) =>
    createStandingLimit({ targetMs, least, most: maxActiveRequests });
  return { critical: limitOf(2 * maxRequestDelayMs, 32), interactive: limitOf(maxRequestDelayMs, 16) };
}
