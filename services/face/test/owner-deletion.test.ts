import { randomUUID } from "node:crypto";
import { events, type eventsV1, photoStageFailed } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { photoOf, type ServiceUnderTest, startService } from "./harness.ts";

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
const nothing = { face_scans: 0, faces: 0 };

/** Everything from which the service stores something. */
async function say(photo: eventsV1.PhotoRef): Promise<void> {
  await service.publish(events.photoReady, { photo });
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
  await say(photo);
  await say(theirs);
  const others = await rowsOf(other);
  expect(Object.keys(await rowsOf(gone))).toEqual(Object.keys(nothing));
  for (const count of Object.values(await rowsOf(gone))) expect(count).toBeGreaterThan(0);
  expect(await eventsAbout(gone)).toBeGreaterThan(0);
  const told = await eventsAbout(other);

  for (const _delivery of ["first", "second"]) {
    await remove(gone);
    expect(await rowsOf(gone)).toEqual(nothing);
    expect(await rowsOf(other)).toEqual(others);
    expect([await eventsAbout(gone), await eventsAbout(other)]).toEqual([0, told]);
  }
  // Late: about a photo that was known, one that was not, and one that is deleted once more.
  await say(photo);
  await say(photoOf("astronaut.png", gone));
  await service.publish(events.photoDeleted, { photo });
  await service.publish(photoStageFailed("scene"), {
    photo,
    stage: "scene",
    reason: "INTERNAL",
    message: "x",
    attempts: 5,
  });
  expect(await rowsOf(gone)).toEqual(nothing);
  expect([await eventsAbout(gone), await eventsAbout(other)]).toEqual([0, told]);
});

test("a user deleted while a photo is analysed leaves nothing", async () => {
  const photo = photoOf("rocket.jpg");
  service.beforePreview.hook = () => remove(photo.ownerId);
  await say(photo);
  service.beforePreview.hook = async () => undefined;
  expect(await rowsOf(photo.ownerId)).toEqual(nothing);
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
  expect(await rowsOf(owner)).toEqual(nothing);
});
