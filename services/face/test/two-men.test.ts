import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { events, eventsV1 } from "@ocelli/contracts";
import { type EmbeddedDatabase, startEmbeddedDatabase } from "@ocelli/embedded-database";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { photoOf, type ServiceUnderTest, startService } from "./harness.ts";

/** Portraits that may not be committed: present on development machines only. */
const folder = fileURLToPath(new URL("../../../../shared/photos/", import.meta.url));
const name = existsSync(folder) ? "portraits of two men" : `portraits: skipped, no ${folder}`;

describe.skipIf(!existsSync(folder))(name, () => {
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

  test("they are two persons on all their photos, and whoever is on a single photo is nobody", async () => {
    const owner = randomUUID();
    const people = new Map<string, string[]>();
    const photos = new Map<string, eventsV1.PhotoRef>();
    for (const file of ["obama", "biden", "astronaut", "two_people", "obama2", "biden2"]) {
      const extension = file === "astronaut" ? "png" : "jpg";
      const photo = photoOf(`${folder}${file}.${extension}`, owner);
      photos.set(file, photo);
      await service.publish(events.photoReady, { photo });
    }
    for (const [file, { photoId }] of photos) {
      const { faces } = await service.client.listPhotoFaces({ photoId }, { bearer: owner });
      people.set(
        file,
        faces.map(({ personId }) => personId),
      );
    }
    const [obama = "", biden = ""] = [people.get("obama")?.[0], people.get("biden")?.[0]];
    expect(obama).not.toBe("");
    expect(biden).not.toBe("");
    expect(obama).not.toBe(biden);
    expect(Object.fromEntries(people)).toEqual({
      obama: [obama],
      obama2: [obama],
      biden: [biden],
      biden2: [biden],
      two_people: expect.arrayContaining([obama, biden]),
      astronaut: [""],
    });
    // Whoever became a person with a later photo is told to be on the earlier ones.
    const told = () =>
      service.published
        .filter(({ subject }) => subject === events.photosPeopleChanged.subject)
        .flatMap(({ payload }) => eventsV1.PhotosPeopleChanged.decode(payload).photos)
        .map(({ photoId }) => photoId);
    const earlier = ["obama", "biden"].map((file) => photos.get(file)?.photoId);
    await expect.poll(told).toEqual(expect.arrayContaining(earlier));
  });
});
