import { randomUUID } from "node:crypto";
import { events, photoStageFailed } from "@ocelli/contracts";
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

const scene = {
  objects: [{ label: "cup", score: 0.9, box: { x: 0, y: 0, width: 1, height: 1 } }],
  place: "indoor",
};

test("a photo is read at once and captioned when its scene is known", async () => {
  const photo = photoOf("coffee.png");
  const [own, other] = [{ bearer: photo.ownerId }, { bearer: randomUUID() }];
  const request = { photoId: photo.photoId };
  await service.publish(events.photoReady, { photo });
  expect((await service.client.getText(request, own)).provenance?.ms).toBeGreaterThan(0);
  expect(await failureOf(service.client.getCaption(request, own))).toMatchObject({
    reason: "CAPTION_NOT_FOUND",
  });
  await service.publish(events.photoClassified, { photo, scene });
  const { caption } = await service.client.getCaption(request, own);
  expect(caption?.text).toMatch(/cup|coffee/i);
  for (const options of [other, {}]) {
    const reason = expect.stringMatching(/^(CAPTION_NOT_FOUND|TEXT_NOT_FOUND|UNAUTHENTICATED)$/);
    expect(await failureOf(service.client.getCaption(request, options))).toMatchObject({ reason });
    expect(await failureOf(service.client.getText(request, options))).toMatchObject({ reason });
  }
  expect(await failureOf(service.client.getCaption({ photoId: "x" }, own))).toMatchObject({
    reason: "PHOTO_NOT_FOUND",
  });
});

test("a photo whose scene failed is captioned all the same", async () => {
  const photo = photoOf("chelsea.png");
  const failed = { photo, stage: "scene", reason: "INTERNAL", message: "x", attempts: 5 };
  await service.publish(photoStageFailed("scene"), failed);
  const { caption } = await service.client.getCaption({ photoId: photo.photoId }, { bearer: photo.ownerId });
  expect(caption?.text.length).toBeGreaterThan(0);
});

test("a human's caption outlives a new one of the model and is not shared with the same bytes", async () => {
  const photo = photoOf("rocket.jpg");
  await service.publish(events.photoClassified, { photo, scene });
  const { db } = service.host.database;
  const human = { text: "Our rocket.", source: "RESULT_SOURCE_USER" } as const;
  await db.updateTable("captions").set(human).where("photo_id", "=", photo.photoId).execute();
  await service.publish(events.photoClassified, { photo, scene });
  const own = await service.client.getCaption({ photoId: photo.photoId }, { bearer: photo.ownerId });
  expect(own.caption).toMatchObject(human);
  const twin = photoOf("rocket.jpg");
  await service.publish(events.photoClassified, { photo: twin, scene });
  const { caption } = await service.client.getCaption({ photoId: twin.photoId }, { bearer: twin.ownerId });
  expect(caption?.text).not.toBe(human.text);
});

test("nothing of a deleted photo stays, also when it was being analysed", async () => {
  const photo = photoOf("astronaut.png");
  service.beforePreview.hook = () => service.publish(events.photoDeleted, { photo });
  await Promise.all([
    service.publish(events.photoReady, { photo }),
    service.publish(events.photoClassified, { photo, scene }),
  ]);
  service.beforePreview.hook = async () => undefined;
  const { db } = service.host.database;
  for (const table of ["captions", "photo_texts"] as const) {
    expect(
      await db.selectFrom(table).select("photo_id").where("photo_id", "=", photo.photoId).execute(),
    ).toEqual([]);
  }
});

test("pictures that are not stored are captioned, for users", async () => {
  const answer = await service.client.captionImage(chunksOf("chelsea.png"), { bearer: randomUUID() });
  expect(answer.caption?.text.length).toBeGreaterThan(0);
  expect(answer.candidates.length).toBeGreaterThan(0);
  expect(await failureOf(service.client.captionImage(chunksOf("coffee.png")))).toMatchObject({
    reason: "UNAUTHENTICATED",
  });
});
