import { join } from "node:path";
import { start as startAuth } from "@ocelli/auth";
import { settings as authSettings } from "@ocelli/auth/config";
import { start as startCaptioning } from "@ocelli/captioning";
import { settings as captioningSettings } from "@ocelli/captioning/config";
import { type DependencyCheck, loadSettings, type Runtime, type Settings } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { start as startFace } from "@ocelli/face";
import { settings as faceSettings } from "@ocelli/face/config";
import { start as startGateway } from "@ocelli/gateway";
import { settings as gatewaySettings } from "@ocelli/gateway/config";
import type { Engine } from "@ocelli/inference";
import { start as startLibrary } from "@ocelli/library";
import { settings as librarySettings } from "@ocelli/library/config";
import { start as startScene } from "@ocelli/scene";
import { settings as sceneSettings } from "@ocelli/scene/config";
import { start as startSearch } from "@ocelli/search";
import { settings as searchSettings } from "@ocelli/search/config";
import { checkSettings } from "./check-settings.ts";
import { settings } from "./config.ts";
import { openDataDirectory } from "./data-directory.ts";
import { openEngine } from "./engine.ts";
import { openRuntime } from "./process-runtime.ts";
import { Releases } from "./releases.ts";
import type { ServiceName } from "./service-names.ts";

/** A service running alone in this process. */
export interface ServedService {
  /** URL of the gateway, `host:port` of any other service. */
  readonly address: string;
  readonly events: string;
  readonly checks: readonly DependencyCheck[];
  stop(): Promise<void>;
}

interface Started {
  address: string;
  checks: readonly DependencyCheck[];
  stop(): Promise<void>;
}

type Starter = (
  env: NodeJS.ProcessEnv,
  runtime: Runtime,
  openModels: () => Promise<Engine>,
) => Promise<Started>;

const services: Record<ServiceName, { settings: Settings; start: Starter }> = {
  gateway: {
    settings: gatewaySettings,
    async start(env, runtime) {
      const gateway = await startGateway(loadSettings(gatewaySettings, env), { ...runtime, checks: [] });
      return { address: gateway.url, checks: [], stop: () => gateway.stop() };
    },
  },
  auth: {
    settings: authSettings,
    start: (env, runtime) => startAuth(loadSettings(authSettings, env), runtime),
  },
  library: {
    settings: librarySettings,
    start: (env, runtime) => startLibrary(loadSettings(librarySettings, env), runtime),
  },
  captioning: {
    settings: captioningSettings,
    start: async (env, runtime, models) =>
      startCaptioning(loadSettings(captioningSettings, env), { ...runtime, engine: await models() }),
  },
  face: {
    settings: faceSettings,
    start: async (env, runtime, models) =>
      startFace(loadSettings(faceSettings, env), { ...runtime, engine: await models() }),
  },
  scene: {
    settings: sceneSettings,
    start: async (env, runtime, models) =>
      startScene(loadSettings(sceneSettings, env), { ...runtime, engine: await models() }),
  },
  search: {
    settings: searchSettings,
    start: async (env, runtime, models) =>
      startSearch(loadSettings(searchSettings, env), { ...runtime, engine: await models() }),
  },
};

/** Settings of {@link serve}. */
export interface ServeOptions {
  service: ServiceName;
  env: NodeJS.ProcessEnv;
  /** Called when the process cannot go on and should stop. */
  onFatal: (error: Error) => void;
}

/** Starts one service from its own settings; without a database URL it keeps an embedded database of its own. */
export async function serve({ service, env, onFatal }: ServeOptions): Promise<ServedService> {
  checkSettings([settings, services[service].settings], env, missingTransport(env));
  const config = loadSettings(settings, env);
  const releases = new Releases();
  try {
    const opened = await openRuntime({ config, name: `ocelli-${service}`, releases, onFatal });
    const { runtime } = opened;
    const own = await ownDatabase(service, env, config.dataDir, onFatal, releases);
    const started = await services[service].start({ ...env, ...own }, runtime, async () => {
      const engine = await openEngine(config, runtime);
      releases.add(() => engine.close());
      return engine;
    });
    releases.add(() => started.stop());
    opened.openEvents();
    const { address, checks } = started;
    return { address, checks, events: runtime.bus.kind, stop: () => releases.run() };
  } catch (error) {
    await releases.run().catch(() => undefined);
    throw error;
  }
}

/** Without a transport the outbox would be emptied into a bus on which no other service listens. */
function missingTransport(env: NodeJS.ProcessEnv): string[] {
  if (env.NATS_URL?.trim() || env.OCELLI_EVENTS?.trim() === "in-process") return [];
  return [
    "NATS_URL is required: events between services travel there (OCELLI_EVENTS=in-process does without the other services)",
  ];
}

async function ownDatabase(
  service: ServiceName,
  env: NodeJS.ProcessEnv,
  dataDir: string,
  onFatal: (error: Error) => void,
  releases: Releases,
): Promise<NodeJS.ProcessEnv> {
  const variable = `DATABASE_URL_${service.toUpperCase()}`;
  if (service === "gateway" || env.DATABASE_URL || env[variable]) return {};
  // Each service has a folder of its own, so that several can run beside each other.
  const data = openDataDirectory(join(dataDir, service));
  releases.add(() => data.release());
  const database = await startEmbeddedDatabase({ dataDir: data.file("database"), onCrash: onFatal });
  releases.add(() => database.close());
  data.announceDatabase(database.url);
  return { [variable]: database.url };
}
