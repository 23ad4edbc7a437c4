import { randomBytes } from "node:crypto";
import { start as startAuth } from "@ocelli/auth";
import { settings as authSettings } from "@ocelli/auth/config";
import { start as startCaptioning } from "@ocelli/captioning";
import { settings as captioningSettings } from "@ocelli/captioning/config";
import { loadSettings, type RunningService, type Runtime, withSettingFiles } from "@ocelli/chassis";
import { startEmbeddedDatabase } from "@ocelli/embedded-database";
import { start as startFace } from "@ocelli/face";
import { settings as faceSettings } from "@ocelli/face/config";
import { createRequestRecorder, start as startGateway } from "@ocelli/gateway";
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
import { type DataDirectory, openDataDirectory } from "./data-directory.ts";
import { openEngine } from "./engine.ts";
import { openRuntime } from "./process-runtime.ts";
import { publicUrlOf } from "./public-url.ts";
import { Releases } from "./releases.ts";
import { StartupError } from "./startup-error.ts";

/** A whole Ocelli in one process. */
export interface RunningOcelli {
  /** Base URL of the gateway. */
  readonly url: string;
  /** Services with the addresses of their gRPC servers. */
  readonly services: readonly RunningService[];
  /** How events travel. */
  readonly events: string;
  /** Drains and releases everything; data stays. */
  stop(): Promise<void>;
}

/** Settings of {@link up}. */
export interface UpOptions {
  env: NodeJS.ProcessEnv;
  /** Called when the process cannot go on and should stop. */
  onFatal: (error: Error) => void;
}

const services = ["library", "captioning", "face", "scene", "search"] as const;
const callers = [...services, "gateway"] as const;
const allSettings = [
  settings,
  gatewaySettings,
  authSettings,
  librarySettings,
  captioningSettings,
  faceSettings,
  sceneSettings,
  searchSettings,
];

/**
 * Starts gateway and services in this process; they talk gRPC over loopback.
 * @throws StartupError or ConfigError with one line to show.
 */
export async function up({ env: given, onFatal }: UpOptions): Promise<RunningOcelli> {
  const env = { ...withSettingFiles(allSettings, given), ...publicUrlOf(given) };
  const secrets = callerSecrets();
  checkSettings(allSettings, { ...env, ...secrets });
  const config = loadSettings(settings, env);
  const data = openDataDirectory(config.dataDir);
  const releases = new Releases();
  const recorder = config.debugTraces ? createRequestRecorder() : undefined;
  releases.add(() => data.release());
  try {
    const [databaseUrl, opened] = await bothEnded(
      openDatabaseUrl(env, data, onFatal, releases),
      openRuntime({ config, name: "ocelli", data, releases, recorder, onFatal }),
    );
    const engine = await openEngine(config, opened.runtime);
    releases.add(() => engine.close());
    const mesh = await startMesh(
      { ...env, ...secrets, ...meshEnvironment(env, data, databaseUrl) },
      opened.runtime,
      engine,
      releases,
    );
    opened.openEvents();
    return { ...mesh, events: opened.runtime.bus.kind, stop: () => releases.run() };
  } catch (error) {
    await releases.run().catch(() => undefined);
    throw error;
  }
}

async function openDatabaseUrl(
  env: NodeJS.ProcessEnv,
  data: DataDirectory,
  onFatal: (error: Error) => void,
  releases: Releases,
): Promise<string> {
  if (env.DATABASE_URL) return env.DATABASE_URL;
  try {
    const database = await startEmbeddedDatabase({ dataDir: data.file("database"), onCrash: onFatal });
    releases.add(() => database.close());
    data.announceDatabase(database.url);
    return database.url;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new StartupError(
      `${reason}; restore ${data.file("database")} from a backup, or set OCELLI_DATA to another folder`,
    );
  }
}

/** Waits for both, also when one fails: what the other opened meanwhile must be released, too. */
async function bothEnded<A, B>(first: Promise<A>, second: Promise<B>): Promise<[A, B]> {
  await Promise.allSettled([first, second]);
  return Promise.all([first, second]);
}

/** Service accounts with secrets that only this process needs to know. */
function callerSecrets(): NodeJS.ProcessEnv {
  const secrets = callers.map((name) => [name, randomBytes(32).toString("hex")] as const);
  return {
    SERVICE_ACCOUNTS: secrets.map(([name, secret]) => `${name}:${secret}`).join(","),
    ...Object.fromEntries(secrets.map(([name, secret]) => [`${name.toUpperCase()}_SERVICE_SECRET`, secret])),
  };
}

/** Where the services of this process keep their data and listen. */
function meshEnvironment(
  env: NodeJS.ProcessEnv,
  data: DataDirectory,
  databaseUrl: string,
): NodeJS.ProcessEnv {
  const ports = ["AUTH", ...services.map((name) => name.toUpperCase())].map((name) => [
    `${name}_PORT`,
    env[`${name}_PORT`] ?? "0",
  ]);
  return {
    DATABASE_URL: databaseUrl,
    LIBRARY_DATA: env.LIBRARY_DATA?.trim() || data.file("blobs"),
    ...Object.fromEntries(ports),
  };
}

/** All finish the events in hand while every service still answers; only then do they close. */
async function stopServices(services: readonly RunningService[]): Promise<void> {
  await Promise.all(services.map((service) => service.drain()));
  await Promise.all(services.map((service) => service.stop()));
}

async function startMesh(env: NodeJS.ProcessEnv, runtime: Runtime, engine: Engine, releases: Releases) {
  const running: RunningService[] = [];
  const keep = (service: RunningService) => {
    running.push(service);
    return service;
  };
  releases.add(() => stopServices(running));
  const auth = keep(await startAuth(loadSettings(authSettings, env), runtime));
  const withAuth = { ...env, AUTH_ADDR: auth.address };
  const library = keep(await startLibrary(loadSettings(librarySettings, withAuth), runtime));
  const known = { ...withAuth, LIBRARY_ADDR: library.address };
  const models = { ...runtime, engine };
  const face = keep(await startFace(loadSettings(faceSettings, known), models));
  const scene = keep(await startScene(loadSettings(sceneSettings, known), models));
  const withScene = { ...known, SCENE_ADDR: scene.address };
  const captioning = keep(await startCaptioning(loadSettings(captioningSettings, withScene), models));
  const withModels = { ...withScene, CAPTIONING_ADDR: captioning.address, FACE_ADDR: face.address };
  const search = keep(await startSearch(loadSettings(searchSettings, withModels), models));
  const checks = running.flatMap((service) => service.checks);
  const gatewayConfig = loadSettings(gatewaySettings, { ...withModels, SEARCH_ADDR: search.address });
  const gateway = await startGateway(gatewayConfig, { ...runtime, checks });
  releases.add(() => {
    for (const service of running) service.announceStop();
    return gateway.stop();
  });
  return { url: gateway.url, services: running };
}
