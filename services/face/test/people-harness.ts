import { randomUUID, randomUUIDv7 } from "node:crypto";
import { createRawImageReader } from "@ocelli/analysis";
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
import { events, type eventsV1, faceV1 } from "@ocelli/contracts";
import { createEngine, loadManifest } from "@ocelli/inference";
import { userIdentity } from "@ocelli/testkit";
import { settings } from "../src/config.ts";
import { createFaceSettings } from "../src/face-settings.ts";
import { createPeopleGrouping, type PeopleGrouping } from "../src/grouping.ts";
import { embeddingModelVersion } from "../src/model/analyze.ts";
import { openModelChange } from "../src/model-change.ts";
import { appendPeopleChanges } from "../src/people-events.ts";
import { openPeopleService } from "../src/people-service.ts";
import type { SuggestionCandidate } from "../src/person-suggestions.ts";
import { createRegroupings } from "../src/regroupings.ts";
import { createFaceHandlers } from "../src/rpc/face-handlers.ts";
import { migrations } from "../src/store/migrations/index.ts";
import type { FaceTables } from "../src/store/tables.ts";

/** PeopleService on a real database and a gRPC socket; faces are put into the store by the test. */
export interface PeopleUnderTest {
  host: ServiceHost<FaceTables>;
  client: RpcClient<typeof faceV1.PeopleServiceDefinition>;
  /** Who finds out whose faces are whose. */
  grouping: PeopleGrouping;
  /** What embeddings have to be of to be compared. */
  model: string;
  /** What looks alike, as suggestions are made of. */
  candidates: SuggestionCandidate[];
  /** Puts faces of one owner onto a new photo each, unless told otherwise. */
  addFaces(ownerId: string, faces: readonly NewFace[]): Promise<string[]>;
  /** Makes a person as a model does. */
  addPerson(ownerId: string, faces: number): Promise<{ personId: string; faceIds: string[] }>;
  /** Everything stored of an owner that people are about, in a stable order. */
  stateOf(ownerId: string): Promise<Record<string, unknown[]>>;
  /** What was told of an owner since it was asked last. */
  heardOf(ownerId: string): Promise<{ persons: eventsV1.PersonChanged[]; photos: eventsV1.PhotoPeople[] }>;
  stop(): Promise<void>;
}

/** A face to put into the store. */
export interface NewFace {
  personId?: string | null;
  photoId?: string;
  quality?: number;
  width?: number;
  withheld?: boolean;
}

/** Starts the service; what looks at pictures is only there for the RPCs that do. */
export async function startPeople(
  databaseUrl: string,
  { minPersonFaces = 3 }: { minPersonFaces?: number } = {},
): Promise<PeopleUnderTest> {
  const engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 8 });
  const bus = createInProcessBus();
  const log = createLogger({ level: "silent", format: "json" });
  const newId = randomUUIDv7;
  const runtime = { log, metrics: createMetrics(), bus, now: () => new Date(), newId };
  const env = { DATABASE_URL: databaseUrl, FACE_PORT: "0", FACE_SERVICE_SECRET: "not used by this test" };
  const config = loadSettings(settings, env);
  const host = await openService<FaceTables>({ name: "face", config, runtime, migrations });
  const { db } = host.database;
  const rawImages = createRawImageReader({
    engine,
    maxBytes: 10_000_000,
    maxConcurrent: 2,
    receiveTimeoutMs: 5_000,
  });
  const previews = { open: () => Promise.reject(new Error("nothing is scanned here")) };
  await openModelChange({ db, log, engine, previews, newId, retentionMs: 0 });
  const grouping = createPeopleGrouping({
    db,
    model: embeddingModelVersion(engine),
    newId,
    log,
    announce: appendPeopleChanges,
    settings: { ...config, minPersonFaces },
  });
  const candidates: SuggestionCandidate[] = [];
  openPeopleService({
    host,
    runtime,
    engine,
    rawImages,
    settings: createFaceSettings({ db }),
    // Which of the persons a test makes up look alike is the test's to say.
    candidates: { list: async () => candidates },
    search: grouping.search,
    regrouping: createRegroupings({ db }),
  });
  const service = await host.serve(
    { verify: async (token) => userIdentity(token) },
    faceV1.FaceServiceDefinition,
    createFaceHandlers({ db, engine, rawImages }),
  );
  const { client, close } = createRpcClient(faceV1.PeopleServiceDefinition, { address: service.address });
  const addFaces: PeopleUnderTest["addFaces"] = (ownerId, faces) => insertFaces(host, ownerId, faces);
  const heard = new Set<string>();
  return {
    host,
    client,
    grouping,
    model: embeddingModelVersion(engine),
    candidates,
    addFaces,
    async addPerson(ownerId, faces) {
      const personId = randomUUID();
      await db.insertInto("people").values({ id: personId, owner_id: ownerId }).execute();
      return { personId, faceIds: await addFaces(ownerId, new Array(faces).fill({ personId })) };
    },
    stateOf: (ownerId) => stateOf(host, ownerId),
    heardOf: (ownerId) => heardOf(host, ownerId, heard),
    async stop() {
      close();
      await service.stop();
      await bus.close();
      await engine.close();
    },
  };
}

async function insertFaces(
  { database: { db } }: ServiceHost<FaceTables>,
  ownerId: string,
  faces: readonly NewFace[],
): Promise<string[]> {
  if (faces.length === 0) return [];
  const rows = faces.map(({ personId = null, photoId = randomUUIDv7(), quality = 0.5, width = 0.1 }) => ({
    id: randomUUIDv7(),
    photo_id: photoId,
    owner_id: ownerId,
    x: 0.1,
    y: 0.1,
    width,
    height: 0.1,
    score: 0.9,
    quality,
    landmarks: "[]",
    person_id: personId,
    similarity: personId === null ? null : 0.75,
  }));
  const ids = rows.map(({ id }) => id);
  await db.insertInto("faces").values(rows).execute();
  await db
    .insertInto("face_crops")
    .values(ids.map((id) => ({ face_id: id, owner_id: ownerId, jpeg: Buffer.from(`crop ${id}`) })))
    .execute();
  await db
    .insertInto("face_embeddings")
    .values(
      ids.map((id) => ({
        model: "m",
        face_id: id,
        owner_id: ownerId,
        embedding: Buffer.from("secret vector"),
      })),
    )
    .execute();
  for (const [index, { withheld }] of faces.entries()) {
    const photo = rows[index]?.photo_id;
    if (!withheld || photo === undefined) continue;
    await db
      .insertInto("photo_states")
      .values({ photo_id: photo, owner_id: ownerId, withheld: true, revision: 1 })
      .execute();
  }
  return ids;
}

const tables = ["people", "faces", "face_rejections", "person_distinctions", "merge_faces"] as const;

async function stateOf(
  { database: { db } }: ServiceHost<FaceTables>,
  ownerId: string,
): Promise<Record<string, unknown[]>> {
  const state: Record<string, unknown[]> = {};
  for (const table of tables) {
    const rows: object[] = await db.selectFrom(table).selectAll().where("owner_id", "=", ownerId).execute();
    // What grouping counts changes by is no part of the state.
    const plain = rows.map((row) => ({ ...row, changed_revision: undefined }));
    state[table] = plain.sort((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
  }
  return state;
}

async function heardOf(
  { database: { db } }: ServiceHost<FaceTables>,
  ownerId: string,
  heard: Set<string>,
): Promise<{ persons: eventsV1.PersonChanged[]; photos: eventsV1.PhotoPeople[] }> {
  const rows = await db.selectFrom("outbox").select(["id", "subject", "payload"]).orderBy("id").execute();
  const fresh = rows.filter(({ id }) => !heard.has(id));
  for (const { id } of fresh) heard.add(id);
  const of = (subject: string) => fresh.filter((row) => row.subject === subject);
  const persons = of(events.personChanged.subject).map((row) =>
    events.personChanged.message.decode(row.payload),
  );
  const photos = of(events.photosPeopleChanged.subject).map((row) =>
    events.photosPeopleChanged.message.decode(row.payload),
  );
  return {
    // Ids of events of one millisecond are in no order.
    persons: persons.filter((each) => each.ownerId === ownerId).sort(inOrder),
    photos: photos.filter((each) => each.ownerId === ownerId).flatMap((each) => each.photos),
  };
}

function inOrder(one: eventsV1.PersonChanged, other: eventsV1.PersonChanged): number {
  return one.revision - other.revision || (one.personId < other.personId ? -1 : 1);
}
