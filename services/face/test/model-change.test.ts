import { randomUUID, randomUUIDv7 } from "node:crypto";
import { events, type eventsV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { sql } from "kysely";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { createFaceSettings } from "../src/face-settings.ts";
import { saveMissingParts } from "../src/model-filling.ts";
import { findActiveModel, holdPass, registerModel, releasePass } from "../src/store/face-models.ts";
import { manifestOf, photoOf, type ServiceUnderTest, sample, startService } from "./harness.ts";

let database: EmbeddedDatabase;
let service: ServiceUnderTest | undefined;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
});
afterEach(async () => {
  await service?.stop();
  service = undefined;
});
afterAll(() => database?.close());

/** Starts the service with its embedding model in the given version. */
async function startWith(version: string): Promise<ServiceUnderTest> {
  service = await startService(database.url, { manifest: manifestOf(version) });
  return service;
}

async function scan(on: ServiceUnderTest, ownerId: string, bytes = "astronaut.png") {
  const photo = photoOf(bytes, ownerId);
  await on.publish(events.photoReady, { photo });
  return photo;
}

const db = ({ host }: ServiceUnderTest) => host.database.db;
const partitions = async (on: ServiceUnderTest) => {
  const { rows } = await sql<{ name: string }>`
    select inhrelid::regclass::text as name from pg_inherits
    where inhparent = 'face.face_embeddings'::regclass`.execute(db(on));
  return rows.length;
};

async function facesOf(on: ServiceUnderTest, { photoId, ownerId }: eventsV1.PhotoRef) {
  return (await on.client.listPhotoFaces({ photoId }, { bearer: ownerId })).faces;
}

test("a new model is filled beside the old one and takes over; what humans said stays by face", async () => {
  const owner = randomUUID();
  const first = await startWith("1");
  await expect
    .poll(() => findActiveModel(db(first)))
    .toMatchObject({ model: first.models.embedding, dimension: 128 });
  const named = await scan(first, owner);
  const erased = await scan(first, owner);
  const off = await scan(first, randomUUID());
  first.pictures.set("lost", await sample("astronaut.png"));
  const lost = await scan(first, owner, "lost");
  const personId = randomUUIDv7();
  await db(first)
    .insertInto("people")
    .values({ id: personId, owner_id: owner, name: "Eileen", source: "USER" })
    .execute();
  await db(first)
    .updateTable("faces")
    .set({ person_id: personId, source: "USER" })
    .where("photo_id", "=", named.photoId)
    .execute();
  const [forgotten] = await facesOf(first, erased);
  await db(first)
    .updateTable("faces")
    .set({ erased: true })
    .where("id", "=", forgotten?.id ?? "")
    .execute();
  await db(first)
    .deleteFrom("face_embeddings")
    .where("face_id", "=", forgotten?.id ?? "")
    .execute();
  await createFaceSettings({ db: db(first) }).update(off.ownerId, { enabled: false });
  const before = await facesOf(first, named);
  const [crop] = await db(first)
    .selectFrom("face_crops")
    .select("jpeg")
    .where("face_id", "=", before[0]?.id ?? "")
    .execute();
  await db(first)
    .deleteFrom("face_crops")
    .where("face_id", "=", before[0]?.id ?? "")
    .execute();
  await first.stop();

  const second = await startWith("2");
  expect(second.models.embedding).not.toBe(first.models.embedding);
  await expect
    .poll(() => findActiveModel(db(second)), { timeout: 20_000 })
    .toMatchObject({
      model: second.models.embedding,
    });
  await expect.poll(() => partitions(second)).toBe(2);
  expect(await facesOf(second, named)).toEqual(before);
  const made = await db(second).selectFrom("face_embeddings").select(["model", "face_id"]).execute();
  // The photo that cannot be read any more and what was erased have none; nor has who turned faces off.
  expect(made).toEqual([{ model: second.models.embedding, face_id: before[0]?.id }]);
  expect(await facesOf(second, lost)).toHaveLength(1);
  expect(await ownedRows(database.url, "face", off.ownerId)).toMatchObject({ face_embeddings: 0 });
  // A cut-out that was missing is made in the same go.
  const crops = await db(second)
    .selectFrom("face_crops")
    .select("jpeg")
    .where("face_id", "=", before[0]?.id ?? "")
    .execute();
  expect(crops[0]?.jpeg.equals(crop?.jpeg ?? Buffer.of())).toBe(true);
  const owners = await db(second)
    .selectFrom("face_owners")
    .select(["owner_id", "regroup_requested_at"])
    .execute();
  const asked = owners.filter(({ regroup_requested_at }) => regroup_requested_at !== null);
  expect(asked.map(({ owner_id }) => owner_id)).toEqual([owner]);
  const later = await scan(second, owner);
  expect(await facesOf(second, later)).toHaveLength(1);
});

test("what was made while its photo, its face or the owner's consent went is not stored", async () => {
  const on = await startWith("4");
  const gone = {
    photo: (photo: eventsV1.PhotoRef) => on.publish(events.photoDeleted, { photo }),
    face: async ({ photoId }: eventsV1.PhotoRef) => {
      await db(on).updateTable("faces").set({ erased: true }).where("photo_id", "=", photoId).execute();
    },
    consent: async ({ ownerId }: eventsV1.PhotoRef) => {
      await createFaceSettings({ db: db(on) }).update(ownerId, { enabled: false });
    },
  };
  const model = "another-model@1";
  const lease = { model, owner: randomUUID(), leaseMs: 60_000 };
  await registerModel(db(on), { model, dimension: 128 });
  for (const [what, take] of Object.entries({ nothing: async () => undefined, ...gone })) {
    const photo = await scan(on, randomUUID());
    const [face] = await facesOf(on, photo);
    const embeddings = [{ faceId: face?.id ?? "", embedding: new Float32Array(128) }];
    await take(photo);
    await saveMissingParts(db(on), photo, { embeddings, crops: [] }, lease);
    const stored = await db(on)
      .selectFrom("face_embeddings")
      .select("face_id")
      .where("owner_id", "=", photo.ownerId)
      .where("model", "=", model)
      .execute();
    expect([what, stored.length]).toEqual([what, what === "nothing" ? 1 : 0]);
  }
});

test("replicas take turns: whoever has the turn keeps it until it is given back or runs out", async () => {
  const on = await startWith("3");
  const model = "some-model@1";
  await registerModel(db(on), { model, dimension: 128 });
  const [one, other] = [randomUUID(), randomUUID()];
  const lease = (owner: string, leaseMs = 60_000) => ({ model, owner, leaseMs });
  expect(await holdPass(db(on), lease(one))).toEqual({ cursor: null, facesFilled: 0, photosSkipped: 0 });
  expect(await holdPass(db(on), lease(other))).toBeUndefined();
  expect(await holdPass(db(on), lease(one, -1))).toBeDefined();
  expect(await holdPass(db(on), lease(other))).toBeDefined();
  await releasePass(db(on), lease(one));
  expect(await holdPass(db(on), lease(one))).toBeUndefined();
  await releasePass(db(on), lease(other));
  expect(await holdPass(db(on), lease(one))).toBeDefined();
});
