import {
  createInProcessBus,
  createLogger,
  createMetrics,
  type EventBus,
  loadSettings,
  type Runtime,
} from "@ocelli/chassis";
import { settings } from "../src/config.ts";
import { type RunningGateway, start } from "../src/main.ts";
import { createTokenSigner, type TokenSigner } from "./tokens.ts";
import { startUpstreams, type Upstreams } from "./upstreams.ts";

/** A gateway over HTTP with everything behind it. */
export interface TestGateway {
  readonly url: string;
  readonly gateway: RunningGateway;
  readonly upstreams: Upstreams;
  readonly signer: TokenSigner;
  readonly bus: EventBus;
  /** A request as the default user; paths start after the base unless they start with `//`. */
  call(path: string, init?: RequestInit): Promise<Response>;
  stop(): Promise<void>;
}

/** Starts a gateway on a free port; `env` overrides settings. Log lines go to `onLog`, if given; `more` adds to its runtime. */
export async function startTestGateway(
  env: Record<string, string> = {},
  onLog?: (line: string) => void,
  more: Pick<Runtime, "recorder"> = {},
): Promise<TestGateway> {
  const signer = await createTokenSigner();
  const upstreams = await startUpstreams(signer);
  const bus = createInProcessBus();
  const addresses = ["AUTH", "LIBRARY", "CAPTIONING", "FACE", "SCENE", "SEARCH"].map((name) => [
    `${name}_ADDR`,
    upstreams.address,
  ]);
  const config = loadSettings(settings, {
    PORT: "0",
    GATEWAY_SERVICE_SECRET: "gateway-secret-of-the-tests",
    // Tests that are about limits set them.
    RATE_LIMIT_AUTH: "off",
    ...Object.fromEntries(addresses),
    ...env,
  });
  const gateway = await start(config, {
    log: createLogger({
      level: onLog ? "trace" : "silent",
      format: "json",
      destination: { write: (line) => onLog?.(line) },
    }),
    metrics: createMetrics(),
    bus,
    ...more,
    now: () => new Date(),
    newId: () => crypto.randomUUID(),
  });
  const token = await signer.sign();
  return {
    url: gateway.url,
    gateway,
    upstreams,
    signer,
    bus,
    call(path, init = {}) {
      const headers = new Headers(init.headers);
      const credentials = ["authorization", "x-api-key", "cookie"];
      if (!credentials.some((name) => headers.has(name))) headers.set("authorization", `Bearer ${token}`);
      const url = path.startsWith("//") ? gateway.url + path.slice(1) : `${gateway.url}/api/v1${path}`;
      return fetch(url, { ...init, headers });
    },
    async stop() {
      await gateway.stop();
      await upstreams.stop();
      await bus.close();
    },
  };
}

/** A form with one file. */
export function fileForm(
  bytes: Uint8Array | string,
  filename = "photo.jpg",
  fields: Record<string, string> = {},
): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  form.append("file", new Blob([typeof bytes === "string" ? bytes : new Uint8Array(bytes)]), filename);
  return form;
}
