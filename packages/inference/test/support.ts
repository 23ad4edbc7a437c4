import { copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { createEngine, type Engine, type EngineOptions, type Inputs, loadManifest } from "../src/index.ts";

const photoFolder = fileURLToPath(new URL("../../../e2e/photos/", import.meta.url));

export const readPhoto = (name: string): Promise<Uint8Array> => readFile(join(photoFolder, name));

/** A real engine on the starter models, small enough for tests. */
export function startEngine(options: Partial<EngineOptions> = {}): Engine {
  return createEngine({
    manifest: loadManifest(),
    workers: 1,
    threadsPerWorker: 1,
    queueLimit: 32,
    ...options,
  });
}

/** Input of the vision model: one flat grey of the given value. */
export function visionInput(value: number): Inputs {
  const data = new Uint8Array(224 * 224 * 3).fill(value);
  const half: [number, number, number] = [127.5, 127.5, 127.5];
  const dims = [1, 3, 224, 224];
  return { pixels: { type: "pixels", dims, data, layout: "nchw", order: "rgb", mean: half, std: half } };
}

/** Input of the text head: one row that depends on `seed`. */
export function textHeadInput(seed: number): Inputs {
  const data = Float32Array.from({ length: 512 }, (_, index) => Math.sin(index * 0.37 + seed));
  return { use: { type: "float32", dims: [1, 512], data } };
}

/** A pack of one model (text-head) in a folder of its own, so that its file can be spoilt. */
export async function writeSmallPack(): Promise<{
  folder: string;
  modelPath: string;
  remove(): Promise<void>;
}> {
  const folder = await mkdtemp(join(tmpdir(), "ocelli-pack-"));
  const starter = loadManifest();
  const model = starter.models.find((entry) => entry.id === "text-head");
  if (model === undefined) throw new Error("the starter pack has no text-head");
  const { path, ...rest } = model;
  const modelPath = join(folder, basename(path));
  await copyFile(path, modelPath);
  const manifest = { name: "small", version: "1", models: [{ ...rest, file: basename(path) }], data: [] };
  await writeFile(join(folder, "manifest.json"), JSON.stringify(manifest));
  return { folder, modelPath, remove: () => rm(folder, { recursive: true, force: true }) };
}
