import { randomUUID } from "node:crypto";
import { events } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, expect, test } from "vitest";
import { chunksOf, failureOf, photoOf, type ServiceUnderTest, startService } from "./harness.ts";

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

test("an uploaded photo gets its faces, for its owner alone, never with an embedding", async () => {
  const photo = photoOf("astronaut.png");
  const [own, other] = [{ bearer: photo.ownerId }, { bearer: randomUUID() }];
  const request = { photoId: photo.photoId };
  expect(await failureOf(service.client.listPhotoFaces(request, own))).toMatchObject({
    reason: "FACES_NOT_FOUND",
  });
  await service.publish(events.photoReady, { photo });
  const { faces, provenance } = await service.client.listPhotoFaces(request, own);
  expect(faces).toHaveLength(1);
  expect(JSON.stringify(faces)).not.toContain("embedding");
  expect(provenance?.ms).toBeGreaterThan(0);
  await expect
    .poll(() => service.published.map(({ subject }) => subject))
    .toContain(events.photoFacesScanned.subject);
  expect(await failureOf(service.client.listPhotoFaces(request, other))).toMatchObject({
    reason: "FACES_NOT_FOUND",
  });
  expect(await failureOf(service.client.listPhotoFaces(request))).toMatchObject({
    reason: "UNAUTHENTICATED",
  });
  expect(await failureOf(service.client.listPhotoFaces({ photoId: "x" }, own))).toMatchObject({
    reason: "PHOTO_NOT_FOUND",
  });
});

test("the same bytes of another owner have faces of their own without another run", async () => {
  const photo = photoOf("astronaut.png");
  await service.publish(events.photoReady, { photo });
  const { faces, provenance } = await service.client.listPhotoFaces(
    { photoId: photo.photoId },
    { bearer: photo.ownerId },
  );
  expect(faces).toHaveLength(1);
  expect(provenance?.ms).toBe(0);
  const { db } = service.host.database;
  const rows = await db.selectFrom("face_embeddings").select(["face_id", "embedding"]).execute();
  expect(rows).toHaveLength(2);
  expect(new Set(rows.map(({ face_id }) => face_id)).size).toBe(2);
  expect(rows[0]?.embedding.equals(rows[1]?.embedding ?? Buffer.of())).toBe(true);
  expect(rows[0]?.embedding.byteLength).toBe(128 * 4);
  const crops = await db.selectFrom("face_crops").select("jpeg").execute();
  expect(crops).toHaveLength(2);
  expect(crops[0]?.jpeg.equals(crops[1]?.jpeg ?? Buffer.of())).toBe(true);
});

test("a photo without faces was scanned all the same", async () => {
  const photo = photoOf("coffee.png");
  await service.publish(events.photoReady, { photo });
  const answer = await service.client.listPhotoFaces({ photoId: photo.photoId }, { bearer: photo.ownerId });
  expect(answer.faces).toEqual([]);
});

test("nothing of a deleted photo stays, also when it was being scanned", async () => {
  const [during, after] = [photoOf("rocket.jpg"), photoOf("astronaut.png")];
  service.beforePreview.hook = () => service.publish(events.photoDeleted, { photo: during });
  await service.publish(events.photoReady, { photo: during });
  service.beforePreview.hook = async () => undefined;
  await service.publish(events.photoReady, { photo: after });
  await service.publish(events.photoDeleted, { photo: after });
  await service.publish(events.photoReady, { photo: after });
  for (const table of ["faces", "face_scans"] as const) {
    const query = service.host.database.db.selectFrom(table).select("photo_id");
    const rows = await query.where("photo_id", "in", [during.photoId, after.photoId]).execute();
    expect(rows).toEqual([]);
  }
});

test("faces are found in pictures that are not stored, for users", async () => {
  const { faces } = await service.client.detectFaces(chunksOf("astronaut.png"), { bearer: randomUUID() });
  expect(faces).toMatchObject([{ id: "" }]);
  expect(await failureOf(service.client.detectFaces(chunksOf("coffee.png")))).toMatchObject({
    reason: "UNAUTHENTICATED",
  });
});

test("who may see photos but no people is not told whose faces these are", async () => {
  const photo = photoOf("astronaut.png");
  await service.publish(events.photoReady, { photo });
  const { db } = service.host.database;
  const person = { id: randomUUID(), owner_id: photo.ownerId, name: "Eileen" };
  await db.insertInto("people").values(person).execute();
  await db
    .updateTable("faces")
    .set({ person_id: person.id, source: "USER" })
    .where("photo_id", "=", photo.photoId)
    .execute();
  const facesFor = async (bearer: string) =>
    (await service.client.listPhotoFaces({ photoId: photo.photoId }, { bearer })).faces;
  expect(await facesFor(photo.ownerId)).toMatchObject([{ personId: person.id, personName: "Eileen" }]);
  expect(await facesFor(`photos-only-${photo.ownerId}`)).toMatchObject([{ personId: "", personName: "" }]);
});
