import { randomUUID, randomUUIDv7 } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { createRawImageReader, type PreviewSource } from "@ocelli/analysis";
import {
  type BusEvent,
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

import { settings } from "../src/config.ts";
import { consumeSearchEvents } from "../src/events.ts";
import { Background } from "../src/ranking/background.ts";
import { createSearchHandlers } from "../src/rpc/search-handlers.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { SearchTables } from "../src/store/tables.ts";
import { openVectors } from "../src/vectors/index-vectors.ts";

const photos = join(import.meta.dirname, "../../../e2e/photos");

/** The search service on a real database, engine, bus and gRPC socket. */
export interface SearchUnderTest {
  host: ServiceHost<SearchTables>;
  engine: Engine;
  client: RpcClient<typeof searchV1.SearchServiceDefinition>;
  /** Events the service published. */
  published: BusEvent[];
  /** Called before every preview is handed out. */
  beforePreview: { hook: (photo: eventsV1.PhotoRef) => Promise<void> };
  /** Publishes and resolves when every consumer is done with it. */
  publish<T>(
    type: EventType<T>,
    message: Parameters<EventType<T>["message"]["fromPartial"]>[0],
    id?: string,
  ): Promise<void>;
  search(
    owner: string,
    query: string,
    more?: Partial<searchV1.SearchRequest>,
  ): Promise<searchV1.SearchResponse>;
  stop(): Promise<void>;
}

/** A photo whose bytes are the named sample. */
export function photoOf(name: string, ownerId: string = randomUUID()): eventsV1.PhotoRef {
  return { photoId: randomUUIDv7(), ownerId, sha256: name };
}

/** Starts everything but the library: previews come from the sample folder, tokens name the owner. */
export async function startSearch(
  databaseUrl: string,
  { now = () => new Date() }: { now?: () => Date } = {},
): Promise<SearchUnderTest> {
  const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 64 });
  const bus = createInProcessBus();
  const log = createLogger({ level: "silent", format: "json" });
  const runtime = { log, metrics: createMetrics(), bus, now, newId: randomUUIDv7 };
  const config = loadSettings(settings, {
    DATABASE_URL: databaseUrl,
    SEARCH_PORT: "0",
    SEARCH_SERVICE_SECRET: "not used by this test",
  });
  const host = await openService<SearchTables>({ name: "search", config, runtime, migrations });
  const beforePreview: SearchUnderTest["beforePreview"] = { hook: async () => undefined };
  const previews: PreviewSource = {
    async open(photo) {
      await beforePreview.hook(photo);
      return engine.decode(photo.sha256, () => readFile(join(photos, photo.sha256)));
    },
  };
  const { db } = host.database;
  const vectors = await openVectors({ db, engine, log, cacheBytes: config.vectorCacheBytes });
  host.onStop(() => vectors.stop());
  consumeSearchEvents({ host, engine, vectors, previews, now: runtime.now, limits: config });
  const receiveTimeoutMs = 2_000;
  const published: BusEvent[] = [];
  await bus.watch("ocelli.search.>", (event) => void published.push(event));
  const service = await host.serve(
    { verify: async (token) => userIdentity(token) },
    searchV1.SearchServiceDefinition,
    createSearchHandlers({
      db,
      engine,
      vectors,
      rawImages: createRawImageReader({ engine, maxBytes: 5_000_000, maxConcurrent: 2, receiveTimeoutMs }),
      receiveTimeoutMs,
      background: new Background(vectors),
      now: runtime.now,
      minScore: config.minScore,
    }),
  );
  const { client, close } = createRpcClient(searchV1.SearchServiceDefinition, { address: service.address });
  return {
    host,
    engine,
    client,
    published,
    beforePreview,
    publish: (type, message, id = randomUUIDv7()) =>
      bus.publish({
        id,
        subject: type.subject,
        payload: type.message.encode(type.message.fromPartial(message)).finish(),
      }),
    search: (owner, query, more = {}) =>
      client.search(searchV1.SearchRequest.fromPartial({ query, pageSize: 0, pageToken: "", ...more }), {
        bearer: owner,
      }),
    async stop() {
      close();
      await service.stop();
      await bus.close();
      await engine.close();
    },
  };
}

/** Everything that is said of a photo on its way to the index, as a list that can be put in any order. */
export function whatIsSaidOf(
  photo: eventsV1.PhotoRef,
  said: {
    caption?: string;
    labels?: string[];
    text?: string;
    filename?: string;
    personIds?: string[];
    facts?: Partial<eventsV1.PhotoReady>;
  } = {},
): ((search: SearchUnderTest, id?: string) => Promise<void>)[] {
  const { caption = "", labels = [], text = "", filename = "a.jpg", personIds = [], facts = {} } = said;
  const scored = labels.map((label) => ({ label, score: 0.9 }));
  const box = { x: 0, y: 0, width: 1, height: 1 };
  return [
    ({ publish }, id) => publish(events.photoReady, { ...facts, photo, filename }, id),
    ({ publish }, id) =>
      publish(events.photoClassified, { photo, scene: { labels: scored, place: "unknown" } }, id),
    ({ publish }, id) =>
      publish(events.photoCaptioned, { photo, caption: { text: caption, score: 0.4 } }, id),
    ({ publish }, id) =>
      publish(events.photoTextRead, { photo, lines: text ? [{ text, score: 1, box }] : [] }, id),
    ({ publish }, id) => publish(events.photoGrouped, { photo, personIds, revision: 1 }, id),
  ];
}
