/// <reference lib="es2025.float16" />
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { detached } from "@ocelli/chassis";
import { type Engine, embedTexts } from "@ocelli/inference";
import { cocoLabels } from "./coco-labels.ts";
import { everydayThings, tagPrompt } from "./everyday-things.ts";
import { type SceneClass, scenePrompt } from "./scenes.ts";

/** Length of the joint embedding. */
const dimension = 384;
/** Hex characters of the key at the head of the file. */
const keyLength = 64;
/**
 * Sentences embedded at a time when the shipped file does not fit the models: leaves the engine's queue to
 * others too.
 */
const batchSize = 16;

/** The shipped file: 64 characters of key, then one row of 384 little-endian fp16 values per prompt. */
export const embeddingsFile = new URL("./tag-embeddings.bin", import.meta.url);

/** Joint embeddings of the fixed words a picture is compared with, unit length, one row each. */
export interface WordEmbeddings {
  /** Row n belongs to everydayThings[n]. */
  things: Float32Array[];
  /** Row n belongs to cocoLabels[n]. */
  objects: Float32Array[];
  /** Row n belongs to class n of scenes.json. */
  scenes: Float32Array[];
}

const perEngine = new WeakMap<Engine, Promise<WordEmbeddings>>();

/** Classes of the scene head, in the order of its logits. Rejects when the pack's file cannot be read. */
export async function sceneClasses(engine: Engine): Promise<SceneClass[]> {
  // The engine checks the text against the manifest's sha256, so its shape is the one the pack was made with.
  const parsed = JSON.parse(await engine.data("scenes")) as { classes: SceneClass[] };
  return parsed.classes;
}

/** All prompts in the order of the rows: things, object labels, scene classes. */
export function wordPrompts(classes: readonly SceneClass[]): string[] {
  return [
    ...[...everydayThings, ...cocoLabels].map(tagPrompt),
    ...classes.map(({ name }) => scenePrompt(name)),
  ];
}

/** What the embeddings depend on: both text models' weights and every prompt. */
export function embeddingsKey(engine: Engine, prompts: readonly string[]): string {
  const models = ["text-use-lite", "text-head"].map((id) => engine.model(id).sha256);
  return createHash("sha256").update(JSON.stringify({ models, prompts })).digest("hex");
}

/**
 * The words' embeddings, read from the shipped file when its key fits the engine's models (5 ms), else
 * computed once per engine (seconds). Rejects with the engine's errors; a failure is not kept.
 */
export function wordEmbeddings(engine: Engine): Promise<WordEmbeddings> {
  const known = perEngine.get(engine);
  if (known) return known;
  // Whoever asks first shares it with all others.
  const loading = detached(() => loadWords(engine));
  perEngine.set(engine, loading);
  loading.catch(() => perEngine.delete(engine));
  return loading;
}

async function loadWords(engine: Engine): Promise<WordEmbeddings> {
  const prompts = wordPrompts(await sceneClasses(engine));
  const bytes = await readFile(embeddingsFile).catch(() => undefined);
  const shipped = bytes && decodeEmbeddings(bytes, embeddingsKey(engine, prompts), prompts.length);
  const rows = shipped ?? (await embedPrompts(engine, prompts));
  const objectsEnd = everydayThings.length + cocoLabels.length;
  return {
    things: rows.slice(0, everydayThings.length),
    objects: rows.slice(everydayThings.length, objectsEnd),
    scenes: rows.slice(objectsEnd),
  };
}

/** Embeds the prompts with the engine's text models, a small batch at a time. */
export async function embedPrompts(engine: Engine, prompts: readonly string[]): Promise<Float32Array[]> {
  const rows: Float32Array[] = [];
  for (let start = 0; start < prompts.length; start += batchSize) {
    rows.push(...(await embedTexts(engine, prompts.slice(start, start + batchSize))));
  }
  return rows;
}

/** The file's bytes for these rows. fp16 moves a cosine by less than .001. */
export function encodeEmbeddings(key: string, rows: readonly Float32Array[]): Uint8Array {
  const bytes = new Uint8Array(keyLength + rows.length * dimension * 2);
  bytes.set(new TextEncoder().encode(key));
  const view = new DataView(bytes.buffer, keyLength);
  for (const [row, values] of rows.entries()) {
    for (const [index, value] of values.entries())
      view.setFloat16((row * dimension + index) * 2, value, true);
  }
  return bytes;
}

/** The rows of a file, or undefined when it was made for other models or prompts, or is cut short. */
export function decodeEmbeddings(bytes: Uint8Array, key: string, count: number): Float32Array[] | undefined {
  if (bytes.length !== keyLength + count * dimension * 2) return undefined;
  if (new TextDecoder().decode(bytes.subarray(0, keyLength)) !== key) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset + keyLength);
  return Array.from({ length: count }, (_, row) =>
    Float32Array.from({ length: dimension }, (_, index) =>
      view.getFloat16((row * dimension + index) * 2, true),
    ),
  );
}
