import { randomUUID } from "node:crypto";
import { events, type eventsV1, photoStageFailed } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { appendPeopleChanges } from "../src/people-events.ts";
import { findFacesOfBytes } from "../src/store/scans.ts";
import { ownedTables } from "../src/store/tables.ts";
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

const rowsOf = (owner: string) => ownedRows(database.url, "face", owner);
const remove = (userId: string) => service.publish(events.userDeleted, { userId });
const isNothing = (rows: Record<string, number>) => Object.values(rows).every((count) => count === 0);

/** Everything from which the service stores something. */
async function say(photo: eventsV1.PhotoRef): Promise<void> {
  await service.publish(events.photoReady, { photo });
  await service.publish(events.photoChanged, { photo, withheld: true, revision: 1 });
}

/** Rows as humans and a model change leave them, also in every partition. */
async function decide(ownerId: string): Promise<void> {
  const { db } = service.host.database;
  const faces = await db.selectFrom("faces").select("id").where("owner_id", "=", ownerId).execute();
  const faceId = faces[0]?.id ?? "";
  const [a = "", b = ""] = [randomUUID(), randomUUID()].sort();
  const owner = { owner_id: ownerId };
  const merge = { ...owner, merge_id: randomUUID() };
  const person = { id: a, ...owner, name: "Eileen Collins", source: "USER" } as const;
  await db.insertInto("people").values(person).execute();
  await db.updateTable("faces").set({ person_id: a, source: "USER" }).where("id", "=", faceId).execute();
  await db
    .insertInto("face_rejections")
    .values({ ...owner, face_id: faceId, person_id: b })
    .execute();
  await db
    .insertInto("person_distinctions")
    .values({ ...owner, person_a: a, person_b: b })
    .execute();
  await db
    .insertInto("merges")
    .values({ id: merge.merge_id, ...owner, survivor_id: a, person_ids: [b], snapshot: "{}" })
    .execute();
  await db
    .insertInto("merge_faces")
    .values({ ...merge, face_id: faceId, person_id: b })
    .execute();
  const embedding = new Uint8Array(4);
  await db
    .insertInto("face_embeddings")
    .values({ ...owner, model: "without a partition", face_id: faceId, embedding })
    .execute();
  await db
    .insertInto("face_tombstones")
    .values({ ...owner, face_id: randomUUID(), revision: 1 })
    .execute();
  await db
    .transaction()
    .execute((trx) =>
      appendPeopleChanges(trx, { ownerId, revision: 2, photoIds: [randomUUID()], personIds: [a] }),
    );
}

/** How many events about photos of an owner the service has written, sent or not. */
async function eventsAbout(owner: string): Promise<number> {
  const rows = await service.host.database.db.selectFrom("outbox").select("payload").execute();
  return rows.filter(({ payload }) => payload.includes(owner)).length;
}

test("everything of a deleted user goes and stays gone; the same bytes of another user keep what was found", async () => {
  const [gone, other] = [randomUUID(), randomUUID()];
  const photo = photoOf("astronaut.png", gone);
  const theirs = photoOf("astronaut.png", other);
  for (const each of [photo, theirs]) {
    await say(each);
    await decide(each.ownerId);
  }
  const others = await rowsOf(other);
  const tables = Object.entries(await rowsOf(gone));
  expect(tables.filter(([, count]) => count === 0)).toEqual([]);
  expect(tables.map(([name]) => name)).toEqual(expect.arrayContaining([...ownedTables]));
  // The partitioned table itself, the default partition and the one of the model.
  expect(tables.filter(([name]) => name.startsWith("face_embeddings"))).toHaveLength(3);
  expect(await eventsAbout(gone)).toBeGreaterThan(0);
  const told = await eventsAbout(other);

  for (const _delivery of ["first", "second"]) {
    await remove(gone);
    expect(await rowsOf(gone)).toSatisfy(isNothing);
    expect(await rowsOf(other)).toEqual(others);
    expect([await eventsAbout(gone), await eventsAbout(other)]).toEqual([0, told]);
  }
  // Late: about a photo that was known, one that was not, and one that is deleted once more.
  await say(photo);
  await say(photoOf("astronaut.png", gone));
  await service.publish(events.photoDeleted, { photo });
  await service.publish(events.photoStagesRequested, { photo, stages: ["people"] });
  await service.publish(photoStageFailed("scene"), {
    photo,
    stage: "scene",
    reason: "INTERNAL",
    message: "x",
    attempts: 5,
  });
  expect(await rowsOf(gone)).toSatisfy(isNothing);
  expect([await eventsAbout(gone), await eventsAbout(other)]).toEqual([0, told]);
});

test("half deleted, a user's photo does not say of the same bytes of others that nobody is on them", async () => {
  const photo = { ...photoOf("astronaut.png"), sha256: randomUUID() };
  service.pictures.set(photo.sha256, await sample("astronaut.png"));
  await say(photo);
  const { db } = service.host.database;
  const models = { model: service.models.scan, embeddingModel: service.models.embedding };
  const told = () => findFacesOfBytes(db, photo.sha256, models);
  expect(await told()).toHaveLength(1);
  for (const table of ownedTables) {
    await db.deleteFrom(table).where("owner_id", "=", photo.ownerId).execute();
    expect(await told(), `without ${table}`).not.toEqual([]);
  }
  expect(await told()).toBeUndefined();
});

test("a user deleted while a photo is analysed leaves nothing", async () => {
  const photo = photoOf("rocket.jpg");
  service.beforePreview.hook = () => remove(photo.ownerId);
  await say(photo);
  service.beforePreview.hook = async () => undefined;
  expect(await rowsOf(photo.ownerId)).toSatisfy(isNothing);
  expect(await eventsAbout(photo.ownerId)).toBe(0);
});

test("more rows than one transaction deletes go too", async () => {
  const owner = randomUUID();
  await service.host.database.db
    .insertInto("face_scans")
    .values(
      Array.from({ length: 2500 }, () => ({
        photo_id: randomUUID(),
        owner_id: owner,
        sha256: "x",
        model: "m",
        ms: 0,
      })),
    )
    .execute();
  await remove(owner);
  expect(await rowsOf(owner)).toSatisfy(isNothing);
});
