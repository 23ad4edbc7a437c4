import { createEngine, type Engine, loadManifest } from "@ocelli/inference";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type CaptionContext, captionImage, captionModelVersion } from "../src/model/analyze.ts";
import { writeSentences } from "../src/model/caption/neural.ts";
import { hasSharedPhotos, openPhoto } from "./photos.ts";

let engine: Engine;
beforeAll(async () => {
  engine = createEngine({ manifest: await loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 32 });
});
afterAll(() => engine.close());

const unsure = { unsure: true, place: "unknown" } as const;
const outdoors = { unsure: true, place: "outdoor" } as const;

/** What the scene service says of the sample photos, its mistakes included. */
const contexts: Record<string, CaptionContext> = {
  "astronaut.png": { objects: [{ label: "person", score: 0.73 }], tags: [], scene: unsure },
  "chelsea.png": {
    objects: [
      { label: "person", score: 0.48 },
      { label: "dog", score: 0.42 },
      { label: "cat", score: 0.4 },
    ],
    tags: [
      { label: "tabby cat", score: 0.61 },
      { label: "kitten", score: 0.55 },
      { label: "cat", score: 0.53 },
    ],
    scene: unsure,
  },
  "coffee.png": {
    objects: [{ label: "cup", score: 0.52 }],
    tags: [
      { label: "coffee mug", score: 0.53 },
      { label: "cup of coffee", score: 0.52 },
    ],
    scene: unsure,
  },
  "rocket.jpg": { objects: [], tags: [{ label: "sunset", score: 0.45 }], scene: outdoors },
};
const nothing: CaptionContext = { objects: [], tags: [] };

describe("captionImage", () => {
  it.each([
    ["astronaut.png", /\b(person|woman|man|people|astronaut)\b/],
    ["chelsea.png", /\b(cat|kitten)\b/],
    ["coffee.png", /\b(cup|coffee|mug)\b/],
    ["rocket.jpg", /\b(rocket|sky|launch|sunset)\b/],
  ])("names what %s shows", async (name, right) => {
    const result = await captionImage(engine, await openPhoto(engine, name), contexts[name] ?? nothing);
    expect(result.text).toMatch(right);
    expect(result.text).not.toMatch(/\b(dog|wine|fireworks|shirt)\b/);
    expect(result.candidates[0]).toMatchObject({ text: result.text, score: result.score });
    expect(result.model).toBe(captionModelVersion(engine));
  });

  it.each(["astronaut.png", "coffee.png", "rocket.jpg"])(
    "claims nothing of %s without context",
    async (name) => {
      const result = await captionImage(engine, await openPhoto(engine, name), nothing);
      expect(result).toMatchObject({ text: "an unclear photo", score: 0, source: "PLAIN" });
      expect(result.candidates.length).toBeGreaterThan(0);
    },
  );

  it.skipIf(!hasSharedPhotos)("counts and dresses two people (needs ../shared/photos)", async () => {
    const person = { label: "person", score: 0.85 };
    const context = {
      objects: [person, person],
      tags: [{ label: "suit and tie", score: 0.56 }],
      scene: unsure,
    };
    const result = await captionImage(engine, await openPhoto(engine, "two_people.jpg"), context);
    expect(result).toMatchObject({ text: "two people in suits and ties", source: "PLAIN" });
    expect(result.score).toBeGreaterThan(0.6);
  });

  it.skipIf(!hasSharedPhotos)(
    "shows a plain truth rather than a fluent mistake (needs ../shared/photos)",
    async () => {
      const context = { objects: [{ label: "person", score: 0.73 }], tags: [], scene: unsure };
      const result = await captionImage(engine, await openPhoto(engine, "biden.jpg"), context);
      expect(result.text).toBe("a person");
    },
  );
});

it("writes the sentences that the models' authors wrote with the same weights", async () => {
  const astronaut = await writeSentences(engine, await openPhoto(engine, "astronaut.png"), {});
  const texts = astronaut.map(({ text }) => text);
  expect(texts).toContain("a man in a blue shirt and a blue shirt is standing in the background");
  const rocket = await writeSentences(engine, await openPhoto(engine, "rocket.jpg"), {});
  expect(rocket.map(({ text }) => text)).toContain("a photo of a sky");
});
