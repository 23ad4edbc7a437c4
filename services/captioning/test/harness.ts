import { randomUUID, randomUUIDv7 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createRawImageReader, type PreviewSource } from "@ocelli/analysis";
import {
  AppError,
  type BusEvent,
  createInProcessBus,
  createLogger,
  createMetrics,
  createRpcClient,
  loadSettings,
  openService,
  type RpcClient,
  type ServiceHost,
  toChunks,
} from "@ocelli/chassis";
import { captioningV1, type EventType, type eventsV1 } from "@ocelli/contracts";
import { createEngine, loadManifest } from "@ocelli/inference";
import { userIdentity } from "@ocelli/testkit";

import { settings } from "../src/config.ts";
import { consumeCaptioningEvents } from "../src/events.ts";
import { createCaptioningHandlers } from "../src/rpc/captioning-handlers.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { CaptioningTables } from "../src/store/tables.ts";

const photos = join(import.meta.dirname, "../../../e2e/photos");

/** The service on a real database, engine, bus and gRPC socket. */
export interface ServiceUnderTest {
  host: ServiceHost<CaptioningTables>;
  client: RpcClient<typeof captioningV1.CaptioningServiceDefinition>;
  published: BusEvent[];
  /** Called before every preview is handed out. */
  beforePreview: { hook: () => Promise<void> };
  /** Publishes and resolves when every consumer is done with it. */
  publish<T>(
    type: EventType<T>,
    message: Parameters<EventType<T>["message"]["fromPartial"]>[0],
  ): Promise<void>;
  stop(): Promise<void>;
}

/** A photo whose bytes are the named sample. */
export function photoOf(name: string, ownerId: string = randomUUID()): eventsV1.PhotoRef {
  return { photoId: randomUUIDv7(), ownerId, sha256: name };
}

/** A sample as the chunks of an upload. */
export async function* chunksOf(name: string): AsyncGenerator<{ chunk: Uint8Array }> {
  for (const chunk of toChunks(await readFile(join(photos, name)))) yield { chunk };
}

/** The error a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<AppError> {
  return call.then(() => {
    throw new Error("the call succeeded");
  }, AppError.from);
}

/** Starts everything but the library: previews come from the sample folder, tokens name the owner. */
export async function startService(databaseUrl: string): Promise<ServiceUnderTest> {
  const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 64 });
  const bus = createInProcessBus();
  const log = createLogger({ level: "silent", format: "json" });
  const newId = randomUUIDv7;
  const runtime = { log, metrics: createMetrics(), bus, now: () => new Date(), newId };
  const env = {
    DATABASE_URL: databaseUrl,
    CAPTIONING_PORT: "0",
    CAPTIONING_SERVICE_SECRET: "not used by this test",
  };
  const config = loadSettings(settings, env);
  const host = await openService<CaptioningTables>({ name: "captioning", config, runtime, migrations });
  const beforePreview: ServiceUnderTest["beforePreview"] = { hook: async () => undefined };
  const previews: PreviewSource = {
    async open({ sha256 }) {
      await beforePreview.hook();
      return engine.decode(sha256, () => readFile(join(photos, sha256)));
    },
  };
  const storedScene = async () => ({ objects: [], tags: [] });
  consumeCaptioningEvents({ host, engine, previews, storedScene, limits: config });
  const published: BusEvent[] = [];
  await bus.watch("ocelli.captioning.>", (event) => void published.push(event));
  const rawImages = createRawImageReader({
    engine,
    maxBytes: config.maxRawBytes,
    maxConcurrent: 2,
    receiveTimeoutMs: 5_000,
  });
  const service = await host.serve(
    { verify: async (token) => userIdentity(token) },
    captioningV1.CaptioningServiceDefinition,
    createCaptioningHandlers({
      db: host.database.db,
      engine,
      rawImages,
      describeScene: async () => ({ objects: [], tags: [] }),
    }),
  );
  const { client, close } = createRpcClient(captioningV1.CaptioningServiceDefinition, {
    address: service.address,
  });
  return {
    host,
    client,
    published,
    beforePreview,
    publish: (type, message) =>
      bus.publish({
        id: newId(),
        subject: type.subject,
        payload: type.message.encode(type.message.fromPartial(message)).finish(),
      }),
    async stop() {
      close();
      await service.stop();
      await bus.close();
      await engine.close();
    },
  };
}
