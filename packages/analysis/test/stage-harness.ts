import { randomUUID, randomUUIDv7 } from "node:crypto";
import {
  type BusEvent,
  consumeOwnerDeletions,
  createInProcessBus,
  createLogger,
  createMetrics,
  deletedOwnersMigration,
  eventTablesMigration,
  loadSettings,
  openService,
  type RunningService,
  type ServiceHost,
  serviceSettings,
} from "@ocelli/chassis";
import { type EventType, events, type eventsV1, sceneV1 } from "@ocelli/contracts";
import type { Generated } from "kysely";
import {
  consumeDeletions,
  consumeStage,
  type DeletedPhotoTables,
  deletedPhotosMigration,
  isDeletedPhoto,
  photoOfTrigger,
  type StageDefinition,
  type StageLimits,
} from "../src/index.ts";

/** Tables of a service that stores one word per photo. */
export interface WordTables extends DeletedPhotoTables {
  words: { photo_id: string; sha256: string; word: string; model: string; ms: number; at: Generated<Date> };
}

/** A service with one stage, on a real database and a real bus. */
export interface StageUnderTest {
  host: ServiceHost<WordTables>;
  /** Events the service published. */
  published: BusEvent[];
  /** Publishes and resolves when every consumer is done with it. */
  publish<T>(
    type: EventType<T>,
    message: Parameters<EventType<T>["message"]["fromPartial"]>[0],
  ): Promise<void>;
  ready(photo: eventsV1.PhotoRef): Promise<void>;
  words(): Promise<{ photo_id: string; word: string; ms: number }[]>;
  stop(): Promise<void>;
}

/** A photo of its own owner. */
export function photoOf(sha256: string): eventsV1.PhotoRef {
  return { photoId: randomUUIDv7(), ownerId: randomUUID(), sha256 };
}

/** Starts the service in the given schema. */
export async function startStage(options: {
  databaseUrl: string;
  schema: string;
  analyze: StageDefinition<WordTables, string>["analyze"];
  limits?: Partial<StageLimits>;
  /** Further parts of the stage. */
  stage?: Pick<StageDefinition<WordTables, string>, "alsoEnds" | "skip">;
}): Promise<StageUnderTest> {
  const bus = createInProcessBus();
  const log = createLogger({ level: "silent", format: "json" });
  const runtime = { log, metrics: createMetrics(), bus, now: () => new Date(), newId: randomUUIDv7 };
  const config = loadSettings(serviceSettings("scene", 0), {
    DATABASE_URL: options.databaseUrl,
    SCENE_PORT: "0",
  });
  const host = await openService<WordTables>({ name: options.schema, config, runtime, migrations });
  const limits = { concurrency: 4, maxAttempts: 2, ...options.limits };
  consumeWords(host, options.schema, { analyze: options.analyze, ...options.stage }, limits);
  const published: BusEvent[] = [];
  await bus.watch(`ocelli.${options.schema}.>`, (event) => void published.push(event));
  await bus.watch("ocelli.scene.>", (event) => void published.push(event));
  const service = await serve(host);
  const publish: StageUnderTest["publish"] = (type, message) =>
    bus.publish({
      id: randomUUIDv7(),
      subject: type.subject,
      payload: type.message.encode(type.message.fromPartial(message)).finish(),
    });
  return {
    host,
    published,
    publish,
    ready: (photo) => publish(events.photoReady, { photo }),
    words: () =>
      host.database.db.selectFrom("words").select(["photo_id", "word", "ms"]).orderBy("at").execute(),
    async stop() {
      await service.stop();
      await bus.close();
    },
  };
}

const model = "words@1";

function consumeWords(
  host: ServiceHost<WordTables>,
  service: string,
  parts: Pick<StageDefinition<WordTables, string>, "analyze" | "alsoEnds" | "skip">,
  limits: StageLimits,
): void {
  const { db } = host.database;
  const stage: StageDefinition<WordTables, string> = {
    stage: "words",
    model,
    triggers: [events.photoReady.subject],
    photoOf: photoOfTrigger(events.photoReady),
    async findBySha256(sha256) {
      const query = db.selectFrom("words").select("word").where("sha256", "=", sha256);
      return (await query.where("model", "=", model).executeTakeFirst())?.word;
    },
    ...parts,
    isDeleted: (trx, photo) => isDeletedPhoto(trx, photo),
    async save(trx, { photoId, sha256 }, { result, ms }) {
      await trx
        .insertInto("words")
        .values({ photo_id: photoId, sha256, word: result, model, ms })
        .onConflict((conflict) => conflict.column("photo_id").doUpdateSet({ word: result, ms }))
        .execute();
    },
  };
  consumeStage(host, service, stage, limits);
  // Words know no owner: only what comes after the deletion is looked at here.
  consumeOwnerDeletions(host, service, async () => undefined);
  consumeDeletions(host, service, async (trx, photo) => {
    await trx.deleteFrom("words").where("photo_id", "=", photo.photoId).execute();
  });
}

const migrations = {
  "000_events": eventTablesMigration,
  "001_words": {
    async up(db: Parameters<(typeof eventTablesMigration)["up"]>[0]) {
      await db.schema
        .createTable("words")
        .addColumn("photo_id", "uuid", (column) => column.primaryKey())
        .addColumn("sha256", "text")
        .addColumn("word", "text")
        .addColumn("model", "text")
        .addColumn("ms", "real")
        .addColumn("at", "timestamptz", (column) => column.defaultTo("now()"))
        .execute();
    },
  },
  "002_deleted_photos": deletedPhotosMigration,
  "003_deleted_owners": deletedOwnersMigration,
};

/** The host starts consuming with a gRPC server; nobody calls this one. */
function serve(host: ServiceHost<WordTables>): Promise<RunningService> {
  const unused = () => Promise.reject(new Error("not called"));
  return host.serve({ verify: unused }, sceneV1.SceneServiceDefinition, {
    getScene: unused,
    classifyImage: unused,
    detectObjects: unused,
  });
}
