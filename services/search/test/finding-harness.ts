import { createHash, randomUUID, randomUUIDv7 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { createRawImageReader, type PreviewSource } from "@ocelli/analysis";
import {
  createInProcessBus,
  createLogger,
  createMetrics,
  createRpcClient,
  loadSettings,
  openService,
  type RpcClient,
  type ServiceHost,
} from "@ocelli/chassis";
import { type EventType, events, type eventsV1, searchV1 } from "@ocelli/contracts";
import { createEngine, type Engine, loadManifest } from "@ocelli/inference";
import { userIdentity } from "@ocelli/testkit";
import sharp, { type Sharp } from "sharp";
import { settings } from "../src/config.ts";
import { consumeSearchEvents } from "../src/events.ts";
import { openFindingServices } from "../src/finding-service.ts";
import { Background } from "../src/ranking/background.ts";
import { createSearchHandlers } from "../src/rpc/search-handlers.ts";
import { findFirst, searchPhotos } from "../src/search.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { type IndexVectors, openVectors } from "../src/vectors/index-vectors.ts";

const samples = join(import.meta.dirname, "../../../e2e/photos");
/** What a file of the library is shrunk to before it is analysed. */
const previewSide = 1440;

/** The services that find photos without words, on a real database, engine, bus and gRPC socket. */
export interface FindingUnderTest {
  host: ServiceHost<SearchTables>;
  engine: Engine;
  vectors: IndexVectors;
  search: RpcClient<typeof searchV1.SearchServiceDefinition>;
  duplicates: RpcClient<typeof searchV1.DuplicateServiceDefinition>;
  smartAlbums: RpcClient<typeof searchV1.SmartAlbumServiceDefinition>;
  publish<T>(
    type: EventType<T>,
    message: Parameters<EventType<T>["message"]["fromPartial"]>[0],
  ): Promise<void>;
  /** Stores a photo of these bytes and waits until it is embedded and compared with the others. */
  add(ownerId: string, bytes: Buffer, facts?: Partial<eventsV1.PhotoReady>): Promise<eventsV1.PhotoRef>;
  /** Waits until everything that follows from what was published has been done. */
  settle(): Promise<void>;
  stop(): Promise<void>;
}

/** Bytes of a sample photo. */
export function sample(name: string): Promise<Buffer> {
  return readFile(join(samples, name));
}

/** A sample as a sharp pipeline for making other pictures of it. */
export async function picture(name: string): Promise<Sharp> {
  return sharp(await sample(name));
}

/** Starts everything but the library: previews come from what {@link FindingUnderTest.add} was given. */
export async function startFinding(databaseUrl: string): Promise<FindingUnderTest> {
  const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 64 });
  const bus = createInProcessBus();
  const log = createLogger({ level: "silent", format: "json" });
  const runtime = { log, metrics: createMetrics(), bus, now: () => new Date(), newId: randomUUIDv7 };
  const config = loadSettings(settings, {
    DATABASE_URL: databaseUrl,
    SEARCH_PORT: "0",
    SEARCH_SERVICE_SECRET: "not used by this test",
  });
  const host = await openService<SearchTables>({ name: "search", config, runtime, migrations });
  const { db } = host.database;
  const vectors = await openVectors({ db, engine, log, cacheBytes: 1_000_000 });
  const files = new Map<string, Buffer>();
  const previews: PreviewSource = {
    open: (photo) =>
      engine.decode(photo.sha256, async () => files.get(photo.sha256) ?? Buffer.alloc(0), {
        maxLongSide: previewSide,
      }),
  };
  consumeSearchEvents({ host, engine, vectors, previews, now: runtime.now, limits: config });
  const background = new Background(vectors);
  const searching = { db, engine, vectors, background, now: runtime.now, minScore: config.minScore };
  openFindingServices({
    host,
    runtime,
    search: (searcher, request) => searchPhotos(searching, searcher, request),
    findFirst: (searcher, request, limit) => findFirst(searching, searcher, request, limit),
  });
  const receiveTimeoutMs = 2_000;
  const rawImages = createRawImageReader({ engine, maxBytes: 5_000_000, maxConcurrent: 2, receiveTimeoutMs });
  const handlers = createSearchHandlers({ ...searching, rawImages, receiveTimeoutMs });
  const service = await host.serve(
    { verify: async (token) => identityOf(token) },
    searchV1.SearchServiceDefinition,
    handlers,
  );
  const { address } = service;
  const clients = {
    search: createRpcClient(searchV1.SearchServiceDefinition, { address }),
    duplicates: createRpcClient(searchV1.DuplicateServiceDefinition, { address }),
    smartAlbums: createRpcClient(searchV1.SmartAlbumServiceDefinition, { address }),
  };
  const publish: FindingUnderTest["publish"] = (type, message) =>
    bus.publish({
      id: randomUUIDv7(),
      subject: type.subject,
      payload: type.message.encode(type.message.fromPartial(message)).finish(),
    });
  /** The relay hands the service's own events on after their commit: until it has, there is more to come. */
  async function settle(): Promise<void> {
    const unsent = () => db.selectFrom("outbox").select("id").where("sent_at", "is", null).limit(1).execute();
    while ((await unsent()).length > 0) await delay(10);
  }
  return {
    host,
    engine,
    vectors,
    search: clients.search.client,
    duplicates: clients.duplicates.client,
    smartAlbums: clients.smartAlbums.client,
    publish,
    settle,
    async add(ownerId, bytes, facts = {}) {
      const sha256 = createHash("sha256").update(bytes).digest("hex");
      files.set(sha256, bytes);
      const photo = { photoId: randomUUIDv7(), ownerId, sha256 };
      const { width = 0, height = 0 } = await sharp(bytes).metadata();
      const size = { width, height, sizeBytes: bytes.byteLength };
      await publish(events.photoReady, { photo, filename: "a.jpg", ...size, ...facts });
      await settle();
      return photo;
    },
    async stop() {
      for (const { close } of Object.values(clients)) close();
      await service.stop();
      vectors.stop();
      await bus.close();
      await engine.close();
    },
  };
}

/** A token for an owner of nothing yet. */
export function newOwner(): string {
  return randomUUID();
}

/** A token of the owner's that holds these scopes alone. */
export function limitedTo(ownerId: string, ...scopes: string[]): string {
  return `${ownerId}.${Buffer.from(scopes.join()).toString("base64url")}`;
}

function identityOf(token: string) {
  const [ownerId = "", scopes] = token.split(".");
  const identity = userIdentity(ownerId);
  if (scopes === undefined) return identity;
  return { ...identity, scopes: new Set(Buffer.from(scopes, "base64url").toString().split(",")) };
}
