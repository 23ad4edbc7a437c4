import { randomUUID } from "node:crypto";
import { events, type eventsV1, photoStageFailed } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { ownedRows } from "@ocelli/testkit";
import { afterAll, beforeAll, expect, test } from "vitest";
import { photoOf, type SearchUnderTest, startSearch, whatIsSaidOf } from "./search-harness.ts";

let database: EmbeddedDatabase;
let service: SearchUnderTest;

beforeAll(async () => {
  database = await startEmbeddedDatabase();
  service = await startSearch(database.url);
});
afterAll(async () => {
  await service?.stop();
  await database?.close();
});

const rowsOf = (owner: string) => ownedRows(database.url, "search", owner);
const remove = (userId: string) => service.publish(events.userDeleted, { userId });
/** Every table of owners, none of which has anything of this one. */
const hasNothing = async (owner: string) =>
  expect(Object.entries(await rowsOf(owner)).filter(([, count]) => count > 0)).toEqual([]);
/** What {@link say} fills. */
const filled = [
  "albums",
  "document_albums",
  "document_people",
  "documents",
  "people",
  "pictures",
  "vectors_1",
  "vocabulary",
];

/** Everything from which the service stores something. */
async function say(photo: eventsV1.PhotoRef): Promise<void> {
  const { photoId, ownerId } = photo;
  // Of the owner and this photo, so that two owners share nothing.
  const [personId, albumId] = [photoId.replace(/^./, "a"), photoId.replace(/^./, "b")];
  const said = { caption: "A cup.", text: "x", personIds: [personId] };
  for (const each of whatIsSaidOf(photo, said)) await each(service);
  await service.publish(events.personChanged, { ownerId, personId, name: "Maria", revision: 1 });
  await service.publish(events.albumChanged, { ownerId, albumId, name: "Trip", revision: 1 });
  await service.publish(events.albumPhotosChanged, {
    ownerId,
    albumId,
    addedPhotoIds: [photoId],
    revision: 1,
  });
}

/** How many events about photos of an owner the service has written, sent or not. */
async function eventsAbout(owner: string): Promise<number> {
  const rows = await service.host.database.db.selectFrom("outbox").select("payload").execute();
  return rows.filter(({ payload }) => payload.includes(owner)).length;
}

test("everything of a deleted user goes and stays gone; the same bytes of another user keep what was found", async () => {
  const [gone, other] = [randomUUID(), randomUUID()];
  const photo = photoOf("coffee.png", gone);
  const theirs = photoOf("coffee.png", other);
  await say(photo);
  await say(theirs);
  const others = await rowsOf(other);
  const rows = await rowsOf(gone);
  for (const table of filled) expect(rows[table], table).toBeGreaterThan(0);
  expect(await eventsAbout(gone)).toBeGreaterThan(0);
  const told = await eventsAbout(other);

  for (const _delivery of ["first", "second"]) {
    await remove(gone);
    await hasNothing(gone);
    expect(await rowsOf(other)).toEqual(others);
    expect([await eventsAbout(gone), await eventsAbout(other)]).toEqual([0, told]);
  }
  // Late: about a photo that was known, one that was not, and one that is deleted once more.
  await say(photo);
  await say(photoOf("coffee.png", gone));
  await service.publish(events.photoDeleted, { photo });
  await service.publish(photoStageFailed("scene"), {
    photo,
    stage: "scene",
    reason: "INTERNAL",
    message: "x",
    attempts: 5,
  });
  await hasNothing(gone);
  expect([await eventsAbout(gone), await eventsAbout(other)]).toEqual([0, told]);
});

test("a user deleted while a photo is analysed leaves nothing", async () => {
  const photo = photoOf("rocket.jpg");
  service.beforePreview.hook = () => remove(photo.ownerId);
  await say(photo);
  service.beforePreview.hook = async () => undefined;
  await hasNothing(photo.ownerId);
  expect(await eventsAbout(photo.ownerId)).toBe(0);
});

test("more rows than one transaction deletes go too", async () => {
  const owner = randomUUID();
  await service.host.database.db
    .insertInto("documents")
    .values(Array.from({ length: 2500 }, () => ({ photo_id: randomUUID(), owner_id: owner, sha256: "x" })))
    .execute();
  await remove(owner);
  await hasNothing(owner);
});
