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

test("an uploaded photo gets its scene, for its owner alone, and says so", async () => {
  const photo = photoOf("coffee.png");
  const [own, other] = [{ bearer: photo.ownerId }, { bearer: randomUUID() }];
  const request = { photoId: photo.photoId };
  expect(await failureOf(service.client.getScene(request, own))).toMatchObject({ reason: "SCENE_NOT_FOUND" });
  await service.publish(events.photoReady, { photo });
  const { scene, provenance } = await service.client.getScene(request, own);
  expect(scene?.objects.map(({ label }) => label)).toContain("cup");
  expect(provenance?.ms).toBeGreaterThan(0);
  await expect
    .poll(() => service.published.map(({ subject }) => subject))
    .toContain(events.photoClassified.subject);
  expect(await failureOf(service.client.getScene(request, other))).toMatchObject({
    reason: "SCENE_NOT_FOUND",
  });
  expect(await failureOf(service.client.getScene(request))).toMatchObject({ reason: "UNAUTHENTICATED" });
  const strange = service.client.getScene({ photoId: "x' or 1=1" }, own);
  expect(await failureOf(strange)).toMatchObject({ reason: "PHOTO_NOT_FOUND" });
});

test("the same bytes of another owner have the same scene without another run", async () => {
  const photo = photoOf("coffee.png");
  await service.publish(events.photoReady, { photo });
  const { scene, provenance } = await service.client.getScene(
    { photoId: photo.photoId },
    { bearer: photo.ownerId },
  );
  expect(scene?.objects.length).toBeGreaterThan(0);
  expect(provenance?.ms).toBe(0);
});

test("a photo deleted before, while or after it is analysed has no scene", async () => {
  const [before, during, after] = [photoOf("rocket.jpg"), photoOf("astronaut.png"), photoOf("chelsea.png")];
  await service.publish(events.photoDeleted, { photo: before });
  await service.publish(events.photoReady, { photo: before });
  service.beforePreview.hook = () => service.publish(events.photoDeleted, { photo: during });
  await service.publish(events.photoReady, { photo: during });
  service.beforePreview.hook = async () => undefined;
  await service.publish(events.photoReady, { photo: after });
  await service.publish(events.photoDeleted, { photo: after });
  for (const { photoId, ownerId } of [before, during, after]) {
    const answer = service.client.getScene({ photoId }, { bearer: ownerId });
    expect(await failureOf(answer)).toMatchObject({ reason: "SCENE_NOT_FOUND" });
  }
});

test("bytes that are no picture end the stage with what is wrong", async () => {
  const photo = photoOf("../../package.json");
  await service.publish(events.photoReady, { photo });
  const failed = photoStageFailed("scene").subject;
  await expect.poll(() => service.published.map(({ subject }) => subject)).toContain(failed);
});

test("pictures that are not stored are classified, and objects found by options", async () => {
  const bearer = randomUUID();
  const { scene } = await service.client.classifyImage(chunksOf("chelsea.png"), { bearer });
  expect(scene?.objects.map(({ label }) => label)).toContain("cat");
  async function* detect(minScore: number, labels: string[], file = "chelsea.png") {
    yield { part: { $case: "options" as const, value: { minScore, labels } } };
    for await (const { chunk } of chunksOf(file)) yield { part: { $case: "chunk" as const, value: chunk } };
  }
  const found = await service.client.detectObjects(detect(0, ["cat"]), { bearer });
  expect(new Set(found.objects.map(({ label }) => label))).toEqual(new Set(["cat"]));
  expect(found.width).toBeGreaterThan(0);
  for (const [options, reason] of [
    [detect(2, []), "INVALID_MIN_SCORE"],
    [detect(Number.NaN, []), "INVALID_MIN_SCORE"],
    [detect(0, ["unicorn"]), "UNKNOWN_CLASS"],
  ] as const) {
    expect(await failureOf(service.client.detectObjects(options, { bearer }))).toMatchObject({ reason });
  }
  async function* noOptions() {
    for await (const { chunk } of chunksOf("coffee.png"))
      yield { part: { $case: "chunk" as const, value: chunk } };
  }
  expect(await failureOf(service.client.detectObjects(noOptions(), { bearer }))).toMatchObject({
    reason: "OPTIONS_MISSING",
  });
  expect(await failureOf(service.client.classifyImage(chunksOf("coffee.png")))).toMatchObject({
    reason: "UNAUTHENTICATED",
  });
});
