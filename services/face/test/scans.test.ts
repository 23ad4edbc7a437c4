import { randomUUID, randomUUIDv7 } from "node:crypto";
import { type EventType, events, eventsV1, photoStageFailed } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { sql } from "kysely";
import sharp from "sharp";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createFaceSettings } from "../src/face-settings.ts";
import { photoOf, type ServiceUnderTest, sample, startService } from "./harness.ts";

let database: EmbeddedDatabase;
let service: ServiceUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  service = await startService(database.url);
});
afterAll(async () => {
  await service?.stop();
  await database?.close();
});

const db = () => service.host.database.db;
const again = (photo: eventsV1.PhotoRef, stages: string[] = ["faces", "people"]) =>
  service.publish(events.photoStagesRequested, { photo, stages });

/** A scanned photo with the astronaut, of whom a person is made. */
async function photoOfPerson(source: "MODEL" | "USER") {
  // A name of its own for the bytes, so that tests do not share what they put there.
  const photo = { ...photoOf("astronaut.png"), sha256: randomUUID() };
  service.pictures.set(photo.sha256, await sample("astronaut.png"));
  await service.publish(events.photoReady, { photo });
  const personId = randomUUIDv7();
  await db()
    .insertInto("people")
    .values({ id: personId, owner_id: photo.ownerId, name: "Eileen", source })
    .execute();
  await db()
    .updateTable("faces")
    .set({ person_id: personId, source })
    .where("photo_id", "=", photo.photoId)
    .execute();
  const { faces } = await facesOf(photo);
  return { photo, personId, face: faces[0] };
}

const facesOf = (photo: eventsV1.PhotoRef) =>
  service.client.listPhotoFaces({ photoId: photo.photoId }, { bearer: photo.ownerId });

/** The astronaut, moved to the right by so many of 512 pixels. */
async function moved(pixels: number): Promise<Buffer> {
  const right = await sharp(await sample("astronaut.png"))
    .extend({ left: pixels, background: "#888" })
    .png()
    .toBuffer();
  return sharp(right).extract({ left: 0, top: 0, width: 512, height: 512 }).png().toBuffer();
}

/** Everything said of a photo under a subject, oldest first. */
function said<T>(type: EventType<T>, photo: eventsV1.PhotoRef): T[] {
  return service.published
    .filter(
      ({ subject, payload }) => subject === type.subject && Buffer.from(payload).includes(photo.photoId),
    )
    .map(({ payload }) => type.message.decode(payload));
}

test("a face that is seen again elsewhere keeps id, person and name, and gets new parts", async () => {
  const { photo, personId, face } = await photoOfPerson("MODEL");
  const before = await db()
    .selectFrom("face_embeddings")
    .selectAll()
    .where("owner_id", "=", photo.ownerId)
    .execute();
  service.pictures.set(photo.sha256, await moved(20));
  await again(photo);
  const { faces } = await facesOf(photo);
  expect(faces).toMatchObject([{ id: face?.id, personId, personName: "Eileen" }]);
  expect((faces[0]?.box?.x ?? 0) - (face?.box?.x ?? 0)).toBeCloseTo(20 / 512, 1);
  const after = await db()
    .selectFrom("face_embeddings")
    .selectAll()
    .where("owner_id", "=", photo.ownerId)
    .execute();
  expect(after).toHaveLength(1);
  expect(after[0]?.face_id).toBe(before[0]?.face_id);
  expect(after[0]?.embedding.equals(before[0]?.embedding ?? Buffer.of())).toBe(false);
  await expect.poll(() => said(events.photoGrouped, photo)).toHaveLength(2);
  const [first, second] = said(events.photoGrouped, photo);
  expect(second).toMatchObject({ personIds: [personId], skipped: false });
  expect(second?.revision).toBeGreaterThan(first?.revision ?? 0);
  expect(said(events.photoFacesScanned, photo)[1]?.faces).toMatchObject([{ personId, personName: "Eileen" }]);
});

test("a face that is seen nowhere near is another one; the person that models made of the old one goes", async () => {
  const { photo, personId, face } = await photoOfPerson("MODEL");
  service.pictures.set(photo.sha256, await moved(150));
  await again(photo);
  const { faces } = await facesOf(photo);
  expect(faces).toHaveLength(1);
  expect(faces[0]?.id).not.toBe(face?.id);
  expect(await ownedRows(database.url, "face", photo.ownerId)).toMatchObject({
    faces: 1,
    face_embeddings: 1,
    face_crops: 1,
    people: 0,
  });
  const told = () =>
    service.published
      .filter(({ subject }) => subject === events.personChanged.subject)
      .map(({ payload }) => eventsV1.PersonChanged.decode(payload));
  await expect.poll(told).toContainEqual(expect.objectContaining({ personId, deleted: true }));
});

test("what a human said of a face outlives a detector that does not see it any more", async () => {
  const { photo, personId, face } = await photoOfPerson("USER");
  service.pictures.set(photo.sha256, await sample("coffee.png"));
  await again(photo);
  expect((await facesOf(photo)).faces).toMatchObject([{ id: face?.id, personId, personName: "Eileen" }]);
  // Nobody else's photo of the same bytes is told of a face that was not seen.
  const theirs = { ...photoOf("coffee.png"), sha256: photo.sha256 };
  await service.publish(events.photoReady, { photo: theirs });
  expect((await facesOf(theirs)).faces).toEqual([]);
  // Seen again, it is the same face.
  service.pictures.set(photo.sha256, await moved(10));
  await again(photo);
  expect((await facesOf(photo)).faces).toMatchObject([{ id: face?.id, personId }]);
});

test("a rejection and a chosen cover are words, too", async () => {
  for (const word of ["rejection", "cover"]) {
    const { photo, personId, face } = await photoOfPerson("MODEL");
    const { ownerId } = photo;
    const faceId = face?.id ?? "";
    if (word === "cover")
      await db().updateTable("people").set({ cover_face_id: faceId }).where("id", "=", personId).execute();
    else
      await db()
        .insertInto("face_rejections")
        .values({ face_id: faceId, person_id: randomUUID(), owner_id: ownerId })
        .execute();
    service.pictures.set(photo.sha256, await sample("coffee.png"));
    await again(photo);
    expect((await facesOf(photo)).faces).toMatchObject([{ id: faceId, personId }]);
  }
});

/** Stores boxes as a detector draws them that takes a head for smaller: of the newest scan's they cover less than half. */
async function shrinkBoxes({ photoId }: eventsV1.PhotoRef): Promise<void> {
  await sql`
    update face.faces set x = x + width * .155, y = y + height * .155, width = width * .69, height = height * .69
    where photo_id = ${photoId}`.execute(db());
}

test.each([
  ["was rejected", "MODEL"],
  ["a human took from everybody", "USER"],
] as const)("a face that %s is the same one in a box of another size", async (_, source) => {
  const { photo, personId, face } = await photoOfPerson("MODEL");
  const { ownerId } = photo;
  const faceId = face?.id ?? "";
  await db().updateTable("faces").set({ person_id: null, source }).where("id", "=", faceId).execute();
  if (source === "MODEL") {
    const rejection = { face_id: faceId, person_id: personId, owner_id: ownerId };
    await db().insertInto("face_rejections").values(rejection).execute();
  }
  await shrinkBoxes(photo);
  await again(photo);
  const rows = await db()
    .selectFrom("faces")
    .select(["id", "person_id", "source", "detected"])
    .where("photo_id", "=", photo.photoId)
    .execute();
  expect(rows).toEqual([{ id: faceId, person_id: null, source, detected: true }]);
});

/** Erases the faces of an owner. What was said of them afterwards was taken back. */
async function erase(ownerId: string): Promise<void> {
  const erased = { erased: true, person_id: null, source: "MODEL" } as const;
  await db().updateTable("faces").set(erased).where("owner_id", "=", ownerId).execute();
  for (const table of ["face_embeddings", "face_crops"] as const) {
    await db().deleteFrom(table).where("owner_id", "=", ownerId).execute();
  }
}

test.each(["missed by a scan", "turned off and on"])(
  "what was erased stays erased when it is %s, also with nothing else said of it",
  async (meanwhile) => {
    const { photo, face } = await photoOfPerson("USER");
    const { ownerId } = photo;
    await erase(ownerId);
    if (meanwhile === "missed by a scan") {
      service.pictures.set(photo.sha256, await sample("coffee.png"));
      await again(photo);
      service.pictures.set(photo.sha256, await sample("astronaut.png"));
    } else {
      const settings = createFaceSettings({ db: db() });
      for (const enabled of [false, true]) await settings.update(ownerId, { enabled });
    }
    await again(photo);
    expect((await facesOf(photo)).faces).toMatchObject([{ id: face?.id, personId: "" }]);
    expect(await ownedRows(database.url, "face", ownerId)).toMatchObject({
      face_embeddings: 0,
      face_crops: 0,
    });
  },
);

test("what was erased stays erased, and is no source for others", async () => {
  const { photo, face } = await photoOfPerson("USER");
  const { ownerId } = photo;
  await db().updateTable("faces").set({ erased: true }).where("owner_id", "=", ownerId).execute();
  await db().deleteFrom("face_embeddings").where("owner_id", "=", ownerId).execute();
  await db().deleteFrom("face_crops").where("owner_id", "=", ownerId).execute();
  await again(photo);
  expect((await facesOf(photo)).faces).toMatchObject([{ id: face?.id }]);
  expect(await ownedRows(database.url, "face", ownerId)).toMatchObject({ face_embeddings: 0, face_crops: 0 });
  const theirs = { ...photo, ...photoOf("astronaut.png"), sha256: photo.sha256 };
  await service.publish(events.photoReady, { photo: theirs });
  expect((await facesOf(theirs)).provenance?.ms).toBeGreaterThan(0);
  expect(await ownedRows(database.url, "face", theirs.ownerId)).toMatchObject({
    face_embeddings: 1,
    face_crops: 1,
  });
});

test("grouping is asked for without a scan, and both with one", async () => {
  const { photo, personId } = await photoOfPerson("USER");
  let looks = 0;
  service.beforePreview.hook = async () => {
    looks += 1;
  };
  await again({ ...photo, requestId: "job/1" }, ["people"]);
  expect(looks).toBe(0);
  await expect.poll(() => said(events.photoGrouped, photo)).toHaveLength(2);
  expect(said(events.photoGrouped, photo)[1]).toMatchObject({
    photo: { requestId: "job/1" },
    personIds: [personId],
    provenance: { model: service.models.embedding },
  });
  await again(photo);
  expect(looks).toBe(1);
  service.beforePreview.hook = async () => undefined;
  await expect.poll(() => said(events.photoGrouped, photo)).toHaveLength(3);
  expect(said(events.photoFacesScanned, photo)).toHaveLength(2);
});

test("when a photo cannot be looked at, both stages end", async () => {
  const photo = { ...photoOf("astronaut.png"), sha256: randomUUID() };
  service.pictures.set(photo.sha256, Buffer.from("no picture"));
  await service.publish(events.photoReady, { photo });
  const failed = () =>
    said(photoStageFailed("face"), photo)
      .map(({ stage }) => stage)
      .toSorted();
  await expect.poll(failed).toEqual(["faces", "people"]);
});

test("what the library says of a photo is kept, the newest last, and goes with the photo", async () => {
  const photo = photoOf("coffee.png");
  const say = (withheld: boolean, revision: number) =>
    service.publish(events.photoChanged, { photo, withheld, revision });
  const state = () =>
    db()
      .selectFrom("photo_states")
      .select(["withheld", "revision"])
      .where("photo_id", "=", photo.photoId)
      .execute();
  await say(true, 3);
  await say(false, 2);
  expect(await state()).toEqual([{ withheld: true, revision: 3 }]);
  await say(false, 4);
  expect(await state()).toEqual([{ withheld: false, revision: 4 }]);
  await service.publish(events.photoDeleted, { photo });
  await say(true, 5);
  expect(await state()).toEqual([]);
});

test("nothing of a deleted photo stays: neither its faces nor persons that were nowhere else", async () => {
  const { photo, personId, face } = await photoOfPerson("MODEL");
  const { ownerId } = photo;
  const faceId = face?.id ?? "";
  await db()
    .insertInto("face_rejections")
    .values({ face_id: faceId, person_id: personId, owner_id: ownerId })
    .execute();
  await db()
    .insertInto("merge_faces")
    .values({ merge_id: randomUUID(), face_id: faceId, owner_id: ownerId, person_id: personId })
    .execute();
  await service.publish(events.photoChanged, { photo, withheld: true, revision: 1 });
  await service.publish(events.photoDeleted, { photo });
  const left = Object.entries(await ownedRows(database.url, "face", ownerId)).filter(([, rows]) => rows > 0);
  // Grouping has to hear which face is no more; nothing else is known of it.
  expect(left).toEqual([
    ["face_owners", 1],
    ["face_tombstones", 1],
  ]);
});

test("no event carries an embedding", async () => {
  const rows = await db().selectFrom("face_embeddings").select("embedding").execute();
  expect(rows.length).toBeGreaterThan(3);
  expect(service.published.length).toBeGreaterThan(10);
  const payloads = Buffer.concat(service.published.map(({ payload }) => payload));
  for (const { embedding } of rows) {
    // Any eight values in a row would be enough to know it by.
    for (let at = 0; at < embedding.byteLength; at += 32) {
      expect(payloads.includes(embedding.subarray(at, at + 32))).toBe(false);
    }
  }
});
