import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createEngine, dot, type Engine, loadManifest, type RgbImage } from "@ocelli/inference";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyzeScene, detectObjects, sceneModelVersion } from "./analyze.ts";
import {
  decodeEmbeddings,
  embeddingsFile,
  embeddingsKey,
  embedPrompts,
  encodeEmbeddings,
  sceneClasses,
  wordPrompts,
} from "./tag-embeddings.ts";

const root = new URL("../../../../", import.meta.url);
const ownPhotos = new URL("e2e/photos/", root);
/** Portraits that may not be committed: present on development machines only. */
const portraits = new URL("../shared/photos/", root);

let engine: Engine;
beforeAll(() => {
  engine = createEngine({ manifest: loadManifest(), workers: 1, threadsPerWorker: 2, queueLimit: 64 });
});
afterAll(() => engine.close());

function open(folder: URL, name: string): Promise<RgbImage> {
  return engine.decode(name, () => readFile(new URL(name, folder)));
}

const labels = (entries: readonly { label: string }[]): string[] => entries.map(({ label }) => label);

describe("analyzeScene on the shipped photos", () => {
  it("sees a person in the astronaut and claims no scene", async () => {
    const scene = await analyzeScene(engine, await open(ownPhotos, "astronaut.png"));
    expect(labels(scene.objects)).toEqual(["person"]);
    expect(scene.objects[0]?.score).toBeCloseTo(0.73, 1);
    expect(scene.objects[0]?.box.width).toBeCloseTo(0.68, 1);
    expect(scene).toMatchObject({
      labels: [],
      unsure: true,
      place: "unknown",
      model: sceneModelVersion(engine),
    });
    expect(
      labels(scene.tags).filter(
        (tag) => !["helmet", "gloves", "uniform", "space suit", "astronaut", "woman"].includes(tag),
      ),
    ).toEqual([]);
    expect(scene.colors.map(({ name }) => name)).toContain("orange");
  });

  it("sees a cat in the cat, not a person or a dog", async () => {
    const { tags, objects, colors } = await analyzeScene(engine, await open(ownPhotos, "chelsea.png"));
    expect(labels(objects)).toEqual(["cat"]);
    expect(labels(tags)).toEqual(["tabby cat", "kitten", "cat"]);
    expect(tags[0]?.score).toBeCloseTo(0.61, 1);
    expect(colors[0]?.name).toBe("brown");
  });

  it("sees a cup of coffee, and names none of the many other things near it", async () => {
    const { tags, objects, unsure } = await analyzeScene(engine, await open(ownPhotos, "coffee.png"));
    expect(labels(objects)).toEqual(["cup"]);
    expect(labels(tags).sort()).toEqual(["coffee", "coffee mug", "cup of coffee"]);
    expect(unsure).toBe(true);
  });

  it("does not call a rocket at dusk an industrial site", async () => {
    const scene = await analyzeScene(engine, await open(ownPhotos, "rocket.jpg"));
    expect(scene).toMatchObject({ labels: [], unsure: true, place: "outdoor", objects: [] });
    const near = ["sunset", "sunrise", "night sky", "rocket", "rocket launch", "launch pad"];
    expect(labels(scene.tags).filter((tag) => !near.includes(tag))).toEqual([]);
    expect(scene.colors[0]).toMatchObject({ name: "dark blue" });
    expect(scene.colors.reduce((sum, { share }) => sum + share, 0)).toBeLessThanOrEqual(1.001);
  });
});

describe("detectObjects", () => {
  it("honours the cut and the wanted labels, naming things before it filters", async () => {
    const image = await open(ownPhotos, "chelsea.png");
    expect((await detectObjects(engine, image, { minScore: 0.99 })).objects).toEqual([]);
    expect((await detectObjects(engine, image, { labels: ["dog", "person"] })).objects).toEqual([]);
    expect(labels((await detectObjects(engine, image, { labels: ["cat"] })).objects)).toEqual(["cat"]);
  });

  it("answers a picture of one pixel", async () => {
    const dot = { key: "dot", width: 1, height: 1, data: new Uint8Array(3) };
    expect((await detectObjects(engine, dot, { minScore: 0 })).objects.length).toBeLessThanOrEqual(100);
  });
});

describe("tag embeddings", () => {
  it("ships the embeddings that the models give", async () => {
    const prompts = wordPrompts(await sceneClasses(engine));
    const shipped = decodeEmbeddings(
      await readFile(embeddingsFile),
      embeddingsKey(engine, prompts),
      prompts.length,
    );
    expect(shipped, "run services/scene/src/model/generate-tags.ts").toBeDefined();
    const sample = [0, 57, 311, prompts.length - 30, prompts.length - 1];
    const fresh = await embedPrompts(
      engine,
      sample.map((index) => prompts[index] ?? ""),
    );
    for (const [at, index] of sample.entries()) {
      const cosine = dot(fresh[at] ?? new Float32Array(384), shipped?.[index] ?? new Float32Array(384));
      expect(cosine).toBeGreaterThan(0.9995);
    }
  });

  it("does not use a file of other models, other words or a broken one", () => {
    const rows = [new Float32Array(384).fill(0.25), new Float32Array(384).fill(-0.5)];
    const bytes = encodeEmbeddings("k".repeat(64), rows);
    expect(decodeEmbeddings(bytes, "k".repeat(64), 2)).toEqual(rows);
    expect(decodeEmbeddings(bytes, "j".repeat(64), 2)).toBeUndefined();
    expect(decodeEmbeddings(bytes, "k".repeat(64), 3)).toBeUndefined();
    expect(decodeEmbeddings(bytes.subarray(0, 100), "k".repeat(64), 2)).toBeUndefined();
  });
});

const name = existsSync(portraits)
  ? "analyzeScene on portraits"
  : `portraits: skipped, no ${portraits.pathname}`;
describe.skipIf(!existsSync(portraits))(name, () => {
  it("counts both men and names their suits", async () => {
    const { objects, tags } = await analyzeScene(engine, await open(portraits, "two_people.jpg"));
    expect(labels(objects).filter((label) => label === "person")).toHaveLength(2);
    expect(labels(tags)).toContain("suit and tie");
  });
});
