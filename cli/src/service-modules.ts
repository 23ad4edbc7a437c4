import { type DependencyCheck, loadSettings, type Runtime, type Settings } from "@ocelli/chassis";
import type { Engine } from "@ocelli/inference";
import type { ServiceName } from "./service-names.ts";

/** A service that runs in this process. */
export interface StartedService {
  /** URL of the gateway, `host:port` of any other service. */
  address: string;
  checks: readonly DependencyCheck[];
  stop(): Promise<void>;
}

/** What it takes to run one service. */
export interface ServiceModule {
  settings: Settings;
  /** `openModels` is called by services that run models. */
  start(env: NodeJS.ProcessEnv, runtime: Runtime, openModels: () => Promise<Engine>): Promise<StartedService>;
}

/** Loads the code of one service and of no other: the image of a service has the dependencies of that service only. */
export const serviceModules: Readonly<Record<ServiceName, () => Promise<ServiceModule>>> = {
  async gateway() {
    const [{ start }, { settings }] = await both(import("@ocelli/gateway"), import("@ocelli/gateway/config"));
    return {
      settings,
      async start(env, runtime) {
        const gateway = await start(loadSettings(settings, env), { ...runtime, checks: [] });
        return { address: gateway.url, checks: [], stop: () => gateway.stop() };
      },
    };
  },
  async auth() {
    const [{ start }, { settings }] = await both(import("@ocelli/auth"), import("@ocelli/auth/config"));
    return { settings, start: (env, runtime) => start(loadSettings(settings, env), runtime) };
  },
  async library() {
    const [{ start }, { settings }] = await both(import("@ocelli/library"), import("@ocelli/library/config"));
    return { settings, start: (env, runtime) => start(loadSettings(settings, env), runtime) };
  },
  async captioning() {
    const [{ start }, { settings }] = await both(
      import("@ocelli/captioning"),
      import("@ocelli/captioning/config"),
    );
    return {
      settings,
      start: async (env, runtime, openModels) =>
        start(loadSettings(settings, env), { ...runtime, engine: await openModels() }),
    };
  },
  async face() {
    const [{ start }, { settings }] = await both(import("@ocelli/face"), import("@ocelli/face/config"));
    return {
      settings,
      start: async (env, runtime, openModels) =>
        start(loadSettings(settings, env), { ...runtime, engine: await openModels() }),
    };
  },
  async scene() {
    const [{ start }, { settings }] = await both(import("@ocelli/scene"), import("@ocelli/scene/config"));
    return {
      settings,
      start: async (env, runtime, openModels) =>
        start(loadSettings(settings, env), { ...runtime, engine: await openModels() }),
    };
  },
  async search() {
    const [{ start }, { settings }] = await both(import("@ocelli/search"), import("@ocelli/search/config"));
    return {
      settings,
      start: async (env, runtime, openModels) =>
        start(loadSettings(settings, env), { ...runtime, engine: await openModels() }),
    };
  },
};

function both<A, B>(code: Promise<A>, config: Promise<B>): Promise<[A, B]> {
  return Promise.all([code, config]);
}
