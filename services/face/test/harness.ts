import { createHash, randomUUID, randomUUIDv7 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
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
  type RunningService,
  type ServiceHost,
  toChunks,
  type UserIdentity,
} from "@ocelli/chassis";
import { type EventType, type eventsV1, faceV1 } from "@ocelli/contracts";
import { createEngine, type Engine, loadManifest, type Manifest } from "@ocelli/inference";
import { userIdentity } from "@ocelli/testkit";

import { type FaceConfig, settings } from "../src/config.ts";
import { consumeFaceEvents } from "../src/events.ts";
import { createPeopleGrouping } from "../src/grouping.ts";
import { embeddingModelVersion, faceModelVersion } from "../src/model/analyze.ts";
import { openModelChange } from "../src/model-change.ts";
import { appendPeopleChanges } from "../src/people-events.ts";
import { createFaceHandlers } from "../src/rpc/face-handlers.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { FaceTables } from "../src/store/tables.ts";

const photos = join(import.meta.dirname, "../../../e2e/photos");

/** The service on a real database, engine, bus and gRPC socket. */
export interface ServiceUnderTest {
  host: ServiceHost<FaceTables>;
  client: RpcClient<typeof faceV1.FaceServiceDefinition>;
  published: BusEvent[];
  /** Called before every preview is handed out. */
  beforePreview: { hook: () => Promise<void> };
  /** Pictures in place of the samples, by the `sha256` of the photo. */
  pictures: Map<string, Uint8Array>;
  /** Model strings of this process. */
  models: { scan: string; embedding: string };
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

/** The bytes of a sample, or of a picture named by its whole path. */
export function sample(name: string): Promise<Buffer> {
  return readFile(resolve(photos, name));
}

/** The starter models with another version of the one that embeds. */
export function manifestOf(embedderVersion: string): Manifest {
  const manifest = loadManifest();
  const models = manifest.models.map((model) =>
    model.id === "face-embed-dlib" ? { ...model, version: embedderVersion } : model,
  );
  return { ...manifest, models };
}

/** How a service under test differs from the usual one. */
export interface ServiceOptions {
  manifest?: Manifest;
}

/** Tokens name the user; one of a key that may only see photos says so. */
function identityOf(token: string): UserIdentity {
  const [, photosOnly] = /^photos-only-(.+)$/.exec(token) ?? [];
  return photosOnly ? { ...userIdentity(photosOnly), scopes: new Set(["photos:read"]) } : userIdentity(token);
}

/** The error a call ends with. */
export async function failureOf(call: Promise<unknown>): Promise<AppError> {
  return call.then(() => {
    throw new Error("the call succeeded");
  }, AppError.from);
}

/** Starts everything but the library: previews come from the sample folder, tokens name the owner. */
export async function startService(
  databaseUrl: string,
  { manifest = loadManifest() }: ServiceOptions = {},
): Promise<ServiceUnderTest> {
  const engine = createEngine({ manifest, workers: 1, threadsPerWorker: 2, queueLimit: 64 });
  const bus = createInProcessBus();
  const log = createLogger({ level: "silent", format: "json" });
  const newId = randomUUIDv7;
  const runtime = { log, metrics: createMetrics(), bus, now: () => new Date(), newId };
  const env = { DATABASE_URL: databaseUrl, FACE_PORT: "0", FACE_SERVICE_SECRET: "not used by this test" };
  const config = loadSettings(settings, env);
  const host = await openService<FaceTables>({ name: "face", config, runtime, migrations });
  const beforePreview: ServiceUnderTest["beforePreview"] = { hook: async () => undefined };
  const pictures: ServiceUnderTest["pictures"] = new Map();
  const previews = samplePreviews(engine, pictures, beforePreview);
  const { db } = host.database;
  const filling = await openModelChange({ db, log, engine, previews, newId, retentionMs: 0, restMs: 20 });
  host.onStop(filling.stop);
  filling.start();
  const model = embeddingModelVersion(engine);
  const announce = appendPeopleChanges;
  const { grouping } = createPeopleGrouping({ db, model, newId, log, announce, settings: config });
  consumeFaceEvents({ host, engine, previews, grouping, newId, limits: config });
  const published: BusEvent[] = [];
  await bus.watch("ocelli.face.>", (event) => void published.push(event));
  const service = await serve(host, engine, config);
  const { client, close } = createRpcClient(faceV1.FaceServiceDefinition, { address: service.address });
  return {
    host,
    client,
    published,
    beforePreview,
    pictures,
    models: { scan: faceModelVersion(engine), embedding: embeddingModelVersion(engine) },
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

function serve(
  host: ServiceHost<FaceTables>,
  engine: Engine,
  { maxRawBytes }: FaceConfig,
): Promise<RunningService> {
  const rawImages = createRawImageReader({
    engine,
    maxBytes: maxRawBytes,
    maxConcurrent: 2,
    receiveTimeoutMs: 5_000,
  });
  return host.serve(
    { verify: async (token) => identityOf(token) },
    faceV1.FaceServiceDefinition,
    createFaceHandlers({ db: host.database.db, engine, rawImages }),
  );
}

function samplePreviews(
  engine: Engine,
  pictures: ReadonlyMap<string, Uint8Array>,
  before: ServiceUnderTest["beforePreview"],
): PreviewSource {
  return {
    async open({ sha256 }) {
      await before.hook();
      const picture = pictures.get(sha256);
      if (!picture) return engine.decode(sha256, () => sample(sha256));
      const digest = createHash("sha256").update(picture).digest("hex");
      return engine.decode(digest, async () => picture);
    },
  };
}
