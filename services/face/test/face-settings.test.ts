import { randomUUID, randomUUIDv7 } from "node:crypto";
import { events, eventsV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFaceSettings, type FaceSettingsRules } from "../src/face-settings.ts";
import { failureOf, photoOf, type ServiceUnderTest, startService } from "./harness.ts";

let database: EmbeddedDatabase;
let service: ServiceUnderTest;
let settings: FaceSettingsRules;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  service = await startService(database.url);
  settings = createFaceSettings({ db: service.host.database.db });
});
afterAll(async () => {
  await service?.stop();
  await database?.close();
});

const db = () => service.host.database.db;
const rowsOf = (owner: string) => ownedRows(database.url, "face", owner);
const facesOf = (photo: eventsV1.PhotoRef) =>
  service.client.listPhotoFaces({ photoId: photo.photoId }, { bearer: photo.ownerId });

/** A scanned photo of the astronaut as a person whom a model or a human knows. */
async function personOn(ownerId: string, source: "MODEL" | "USER") {
  const photo = photoOf("astronaut.png", ownerId);
  await service.publish(events.photoReady, { photo });
  const personId = randomUUIDv7();
  const name = source === "USER" ? "Eileen" : "";
  await db().insertInto("people").values({ id: personId, owner_id: ownerId, name, source }).execute();
  await db()
    .updateTable("faces")
    .set({ person_id: personId, source, similarity: 0.9 })
    .where("photo_id", "=", photo.photoId)
    .execute();
  return { photo, personId };
}

test("off, nothing is kept but what a human named; on, photos are scanned again", async () => {
  const owner = randomUUID();
  expect(await settings.get(owner)).toEqual({ enabled: true });
  const human = await personOn(owner, "USER");
  const model = await personOn(owner, "MODEL");
  expect(await settings.update(owner, { enabled: false })).toEqual({ enabled: false });
  service.host.relay.kick();
  expect(await rowsOf(owner)).toMatchObject({
    face_embeddings: 0,
    face_crops: 0,
    face_scans: 0,
    faces: 1,
    people: 1,
  });
  const kept = await facesOf(human.photo);
  expect(kept).toMatchObject({
    faces: [{ personId: human.personId, personName: "Eileen" }],
    provenance: undefined,
  });
  expect(kept.faces[0]?.box?.width).toBeGreaterThan(0.1);
  const [row] = await db().selectFrom("faces").select("similarity").where("owner_id", "=", owner).execute();
  expect(row?.similarity).toBeNull();
  expect(await failureOf(facesOf(model.photo))).toMatchObject({ reason: "FACES_NOT_FOUND" });
  const told = () => service.published.filter(({ payload }) => Buffer.from(payload).includes(owner));
  await expect.poll(() => told().map(({ subject }) => subject)).toContain(events.personChanged.subject);
  const decoded = told().flatMap(({ subject, payload }) =>
    subject === events.photosPeopleChanged.subject ? eventsV1.PhotosPeopleChanged.decode(payload).photos : [],
  );
  expect(decoded).toEqual([{ photoId: model.photo.photoId, personIds: [] }]);

  await settings.update(owner, { enabled: true });
  await service.publish(events.photoStagesRequested, { photo: human.photo, stages: ["faces", "people"] });
  expect((await facesOf(human.photo)).faces).toMatchObject([
    { personId: human.personId, personName: "Eileen" },
  ]);
  expect(await rowsOf(owner)).toMatchObject({ face_embeddings: 1, face_crops: 1, face_scans: 1 });
});

test("off, photos are neither fetched nor taken from others, and both stages end as skipped", async () => {
  const owner = randomUUID();
  await settings.update(owner, { enabled: false });
  await service.publish(events.photoReady, { photo: photoOf("astronaut.png") });
  let looks = 0;
  service.beforePreview.hook = async () => {
    looks += 1;
  };
  const photo = photoOf("astronaut.png", owner);
  await service.publish(events.photoReady, { photo });
  await service.publish(events.photoStagesRequested, { photo, stages: ["people"] });
  service.beforePreview.hook = async () => undefined;
  expect(looks).toBe(0);
  expect(await rowsOf(owner)).toMatchObject({ faces: 0, face_scans: 0, face_embeddings: 0, face_crops: 0 });
  const ends = () =>
    service.published.flatMap(({ subject, payload }): { skipped: boolean }[] => {
      if (!Buffer.from(payload).includes(photo.photoId)) return [];
      if (subject === events.photoFacesScanned.subject) return [eventsV1.PhotoFacesScanned.decode(payload)];
      return subject === events.photoGrouped.subject ? [eventsV1.PhotoGrouped.decode(payload)] : [];
    });
  await expect.poll(() => ends().map(({ skipped }) => skipped)).toEqual([true, true, true]);
});

test("what is found while the switch goes off is not stored", async () => {
  const photo = photoOf("astronaut.png");
  service.beforePreview.hook = async () => void (await settings.update(photo.ownerId, { enabled: false }));
  // Requested, so that no earlier result of the same bytes spares the look.
  await service.publish(events.photoStagesRequested, { photo, stages: ["faces", "people"] });
  service.beforePreview.hook = async () => undefined;
  expect(await rowsOf(photo.ownerId)).toMatchObject({
    faces: 0,
    face_scans: 0,
    face_embeddings: 0,
    face_crops: 0,
  });
});

test("that a human took a face from everybody outlives the switch", async () => {
  const owner = randomUUID();
  const { photo, personId } = await personOn(owner, "MODEL");
  const [face] = await db().selectFrom("faces").select("id").where("owner_id", "=", owner).execute();
  const rejection = { face_id: face?.id ?? "", person_id: personId, owner_id: owner };
  await db().insertInto("face_rejections").values(rejection).execute();
  await db()
    .updateTable("people")
    .set({ source: "USER", name: "Eileen" })
    .where("id", "=", personId)
    .execute();
  await settings.update(owner, { enabled: false });
  expect((await facesOf(photo)).faces).toMatchObject([{ id: face?.id, personId: "" }]);
  expect(await rowsOf(owner)).toMatchObject({ face_rejections: 1, people: 1 });
});

test("a deleted user has no switch", async () => {
  const owner = randomUUID();
  await service.publish(events.userDeleted, { userId: owner });
  expect(await failureOf(settings.update(owner, { enabled: false }))).toMatchObject({
    reason: "USER_NOT_FOUND",
  });
  expect((await rowsOf(owner)).face_owners).toBe(0);
});
