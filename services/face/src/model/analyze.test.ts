import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createEngine, type Engine, loadManifest, type RgbImage } from "@ocelli/inference";
import sharp from "sharp";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { analyzeFaces, faceDistance, faceModelVersion } from "./analyze.ts";

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

async function embeddingsOf(name: string): Promise<Float32Array[]> {
  return (await analyzeFaces(engine, await open(portraits, name))).faces.map(({ embedding }) => embedding);
}

describe("analyzeFaces on the shipped photos", () => {
  it("finds exactly the astronaut's face, with its place, points and quality", async () => {
    const { faces, model } = await analyzeFaces(engine, await open(ownPhotos, "astronaut.png"));
    expect(model).toBe(faceModelVersion(engine));
    expect(faces).toHaveLength(1);
    const [face] = faces;
    expect(face?.score).toBeGreaterThan(0.85);
    expect(face?.quality).toBeGreaterThan(0.8);
    expect(face?.box.x).toBeCloseTo(0.336, 1);
    expect(face?.box.y).toBeCloseTo(0.143, 1);
    expect(face?.box.width).toBeCloseTo(0.205, 1);
    expect(face?.landmarks).toHaveLength(6);
    expect(face?.embedding).toHaveLength(128);
  });

  it.each(["chelsea.png", "coffee.png", "rocket.jpg"])("finds no person's face in %s", async (name) => {
    expect((await analyzeFaces(engine, await open(ownPhotos, name))).faces).toEqual([]);
  });

  it("still returns a small blurred face, with a low quality", async () => {
    const image = await engine.decode("small astronaut", async () =>
      sharp(await readFile(new URL("astronaut.png", ownPhotos)))
        .resize(128)
        .png()
        .toBuffer(),
    );
    const { faces } = await analyzeFaces(engine, image);
    expect(faces).toHaveLength(1);
    expect(faces[0]?.quality).toBeLessThan(0.3);
  });

  it("finds the same person once in a large picture, where tiles see her too", async () => {
    const small = await analyzeFaces(engine, await open(ownPhotos, "astronaut.png"));
    const image = await engine.decode("large astronaut", async () =>
      sharp(await readFile(new URL("astronaut.png", ownPhotos)))
        .extend({ left: 600, right: 400, top: 300, bottom: 300, background: "#334455" })
        .png()
        .toBuffer(),
    );
    const large = await analyzeFaces(engine, image);
    expect(large.faces).toHaveLength(1);
    const none = new Float32Array(128);
    expect(faceDistance(small.faces[0]?.embedding ?? none, large.faces[0]?.embedding ?? none)).toBeLessThan(
      0.3,
    );
  });

  it("finds every small face of a large picture and no cat or cup beside them", async () => {
    const side = 180;
    const names = [
      "astronaut.png",
      "chelsea.png",
      "astronaut.png",
      "coffee.png",
      "astronaut.png",
      "chelsea.png",
    ];
    const tiles = names.map(async (name, index) => ({
      input: await sharp(await readFile(new URL(name, ownPhotos)))
        .resize(side, side, { fit: "cover", position: "top" })
        .toBuffer(),
      left: 60 + index * 230,
      top: 100 + (index % 3) * 300,
    }));
    const canvas = { width: 1440, height: 1020, channels: 3, background: "#667788" } as const;
    const montage = await sharp({ create: canvas })
      .composite(await Promise.all(tiles))
      .png()
      .toBuffer();
    const { faces } = await analyzeFaces(engine, await engine.decode("montage", async () => montage));
    const columns = faces.map(({ box }) => Math.floor((box.x * 1440 - 60) / 230));
    expect(columns.sort()).toEqual([0, 2, 4]);
  });

  it("answers a picture of one pixel with no faces", async () => {
    const { faces } = await analyzeFaces(engine, {
      key: "dot",
      width: 1,
      height: 1,
      data: new Uint8Array(3),
    });
    expect(faces).toEqual([]);
  });
});

const name = existsSync(portraits)
  ? "analyzeFaces on portraits"
  : `portraits: skipped, no ${portraits.pathname}`;
describe.skipIf(!existsSync(portraits))(name, () => {
  it("tells two men apart and knows each again", async () => {
    const files = ["obama.jpg", "obama2.jpg", "biden.jpg", "biden2.jpg"];
    const [obama = [], obama2 = [], biden = [], biden2 = []] = await Promise.all(files.map(embeddingsOf));
    const distance = (a: Float32Array[], b: Float32Array[]): number =>
      faceDistance(a[0] ?? new Float32Array(128), b[0] ?? new Float32Array(128));
    expect(distance(obama, obama2)).toBeLessThan(0.5);
    expect(distance(biden, biden2)).toBeLessThan(0.5);
    for (const one of [obama, obama2]) {
      for (const other of [biden, biden2]) expect(distance(one, other)).toBeGreaterThan(0.7);
    }
  });

  it("finds both men side by side and matches them to their portraits", async () => {
    const both = await embeddingsOf("two_people.jpg");
    expect(both).toHaveLength(2);
    for (const portrait of ["obama.jpg", "biden.jpg"]) {
      const [known = new Float32Array(128)] = await embeddingsOf(portrait);
      const distances = both.map((face) => faceDistance(face, known)).sort((a, b) => a - b);
      expect(distances[0]).toBeLessThan(0.5);
      expect(distances[1]).toBeGreaterThan(0.7);
    }
  });
});
