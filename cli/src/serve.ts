import { join } from "node:path";
import { type DependencyCheck, loadSettings, type Settings, withSettingFiles } from "@ocelli/chassis";
import { checkSettings } from "./check-settings.ts";
import { settings } from "./config.ts";
import { openDataDirectory } from "./data-directory.ts";
import { openRuntime } from "./process-runtime.ts";
import { Releases } from "./releases.ts";
import { serviceModules } from "./service-modules.ts";
import type { ServiceName } from "./service-names.ts";

/** A service running alone in this process. */
export interface ServedService {
  /** URL of the gateway, `host:port` of any other service. */
  readonly address: string;
  readonly events: string;
  readonly checks: readonly DependencyCheck[];
  stop(): Promise<void>;
}

/** Settings of {@link serve}. */
export interface ServeOptions {
  service: ServiceName;
  env: NodeJS.ProcessEnv;
  /** Called when the process cannot go on and should stop. */
  onFatal: (error: Error) => void;
}

/** Starts one service from its own settings; without a database URL it keeps an embedded database of its own. */
export async function serve({ service, env: given, onFatal }: ServeOptions): Promise<ServedService> {
  const served = await serviceModules[service]();
  const groups: Settings[] = [settings, served.settings];
  const env = withSettingFiles(groups, given);
  checkSettings(groups, env, missingTransport(env));
  const config = loadSettings(settings, env);
  const releases = new Releases();
  try {
    const recorder = service === "gateway" && config.debugTraces ? await openRecorder() : undefined;
    const opened = await openRuntime({ config, name: `ocelli-${service}`, releases, recorder, onFatal });
    const { runtime } = opened;
    const own = await ownDatabase(service, env, config.dataDir, onFatal, releases);
    const started = await served.start(
      { ...env, ...own, ...blobFolder(env, config.dataDir) },
      runtime,
      async () => {
        const { openEngine } = await import("./engine.ts");
        const engine = await openEngine(config, runtime);
        releases.add(() => engine.close());
        return engine;
      },
    );
    releases.add(() => started.stop());
    opened.openEvents();
    const { address, checks } = started;
    return { address, checks, events: runtime.bus.kind, stop: () => releases.run() };
  } catch (error) {
    await releases.run().catch(() => undefined);
    throw error;
  }
}

/** Photos lie in OCELLI_DATA as they do with `ocelli up`, and where `ocelli backup` looks for them. */
function blobFolder(env: NodeJS.ProcessEnv, dataDir: string): NodeJS.ProcessEnv {
  return { LIBRARY_DATA: env.LIBRARY_DATA?.trim() || join(dataDir, "blobs") };
}

async function openRecorder() {
  const { createRequestRecorder } = await import("@ocelli/gateway");
  return createRequestRecorder();
}

/** Without a transport the outbox would be emptied into a bus on which no other service listens. */
function missingTransport(env: NodeJS.ProcessEnv): string[] {
  // A file that cannot be read is named by the check of the settings.
  if (env.NATS_URL?.trim() || env.NATS_URL_FILE?.trim() || env.OCELLI_EVENTS?.trim() === "in-process")
    return [];
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
  const { startEmbeddedDatabase } = await import("@ocelli/embedded-database");
  const database = await startEmbeddedDatabase({ dataDir: data.file("database"), onCrash: onFatal });
  releases.add(() => database.close());
  data.announceDatabase(database.url);
  return { [variable]: database.url };
}
