import { randomUUID, randomUUIDv7 } from "node:crypto";
import { type Database, migrate, openDatabase } from "@ocelli/chassis";
import type { Transaction } from "kysely";
import { createPeopleGrouping, type GroupingSettings, type PeopleGrouping } from "../src/grouping.ts";
import { appendPeopleChanges } from "../src/people-events.ts";
import { saveEmbeddings } from "../src/store/embeddings.ts";
import { migrations } from "../src/store/migrations/index.ts";
import { beginChange } from "../src/store/owners.ts";
import type { FaceTables } from "../src/store/tables.ts";

type Trx = Transaction<FaceTables>;

/** A model that is calibrated. */
export const model = "face-embed-dlib@1+face-alignment@1";
export const dimension = 128;

const settings: GroupingSettings = {
  groupingMemory: 64_000_000,
  minPersonFaces: 3,
  regroupIntervalMs: 3_600_000,
  regroupPollMs: 1_000,
};

/** A face store on a real database, without the service around it. */
export async function openFaceStore(url: string): Promise<Database<FaceTables>> {
  const database = openDatabase<FaceTables>({ url, schema: "face" });
  await migrate(database, migrations);
  return database;
}

/** One replica's grouping on a store. */
export function groupingOn(
  { db }: Database<FaceTables>,
  changed: Partial<GroupingSettings> = {},
): PeopleGrouping {
  return createPeopleGrouping({
    db,
    model,
    newId: randomUUIDv7,
    log: { warn: (problem: unknown) => console.error(problem) },
    announce: appendPeopleChanges,
    settings: { ...settings, ...changed },
  });
}

/** A face to store: where it lies in the space of embeddings, and how good it is. */
export interface FaceSpec {
  vector: Float32Array;
  quality?: number;
}

/** A point: the given coordinates, zero elsewhere. */
export function point(...coordinates: number[]): Float32Array {
  const vector = new Float32Array(dimension);
  vector.set(coordinates);
  return vector;
}

/** Stores faces of a photo; the transaction has begun with `beginChange`. Answers their ids. */
export async function insertFaces(
  trx: Trx,
  ownerId: string,
  photoId: string,
  faces: readonly FaceSpec[],
): Promise<string[]> {
  const made = faces.map((face) => ({ ...face, id: randomUUIDv7() }));
  await trx
    .insertInto("faces")
    .values(
      made.map(({ id, quality = 0.9 }, at) => ({
        id,
        photo_id: photoId,
        owner_id: ownerId,
        x: at / 10,
        y: 0.1,
        width: 0.1,
        height: 0.1,
        score: 0.9,
        quality,
        landmarks: "[]",
      })),
    )
    .execute();
  const embeddings = made.map(({ id, vector }) => ({ faceId: id, embedding: vector }));
  await saveEmbeddings(trx, ownerId, model, embeddings);
  return made.map(({ id }) => id);
}

/** Stores a photo with faces and groups it, as a scan does. Answers the ids of its faces. */
export async function addPhoto(
  { db }: Database<FaceTables>,
  grouping: PeopleGrouping | undefined,
  ownerId: string,
  faces: readonly FaceSpec[],
  photoId: string = randomUUIDv7(),
): Promise<string[]> {
  return db.transaction().execute(async (trx) => {
    await beginChange(trx, ownerId);
    const ids = await insertFaces(trx, ownerId, photoId, faces);
    await grouping?.grouping.assignPhoto(trx, { ownerId, photoId });
    return ids;
  });
}

/** Changes something as a human does. */
export async function asHuman(
  { db }: Database<FaceTables>,
  ownerId: string,
  change: (trx: Trx) => Promise<unknown>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await beginChange(trx, ownerId);
    await change(trx);
  });
}

/** Whose each of the faces is, in the given order. */
export async function personsOf(
  { db }: Database<FaceTables>,
  ids: readonly string[],
): Promise<(string | null)[]> {
  const rows = await db.selectFrom("faces").select(["id", "person_id"]).where("id", "in", ids).execute();
  const persons = new Map(rows.map(({ id, person_id }) => [id, person_id]));
  return ids.map((id) => persons.get(id) ?? null);
}

export const newOwner = (): string => randomUUID();
