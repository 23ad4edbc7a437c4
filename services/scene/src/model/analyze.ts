import { dot, type Engine, embedImage, type RgbImage } from "@ocelli/inference";
import { dominantColors } from "./colors.ts";
import { everydayThings } from "./everyday-things.ts";
import { detectObjects, objectModelId } from "./objects.ts";
import { judgeScene } from "./scenes.ts";
import { sceneClasses, wordEmbeddings } from "./tag-embeddings.ts";
import { chooseTags } from "./tags.ts";
import type { DetectedObject, Labelled, NamedColor, Place } from "./types.ts";

export { cocoLabels } from "./coco-labels.ts";
export { type DetectOptions, detectObjects, type ObjectDetection } from "./objects.ts";
export type { Box, DetectedObject, Labelled, NamedColor, Place } from "./types.ts";

/**
 * Raise when pre- or post-processing, thresholds or word lists change what is stored for the same picture.
 */
const processingVersion = 1;

/** What the scene service stores and answers for one picture. */
export interface SceneAnalysis {
  /** Scene classes that may be shown; empty when the joint embedding contradicts the scene head. */
  labels: Labelled[];
  place: Place;
  /** True when no scene should be claimed. */
  unsure: boolean;
  /** Everyday things, best first; `score` is the cosine of picture and words. */
  tags: Labelled[];
  objects: DetectedObject[];
  colors: NamedColor[];
  /** Ids and versions of all models, with the version of the processing around them. */
  model: string;
  /** Wall-clock milliseconds, waiting for the engine included. */
  ms: number;
}

/** The string stored with every result: results with another one are recomputed. */
export function sceneModelVersion(engine: Engine): string {
  const models = ["vision", "text-head", "text-use-lite", objectModelId].map((id) => engine.model(id));
  return [
    ...models.map(({ id, version }) => `${id}@${version}`),
    `scene-processing@${processingVersion}`,
  ].join("+");
}

/**
 * Scene, tags, objects and colours of one picture; the models run side by side. Rejects with the engine's
 * errors (overload, missing model). Changes nothing.
 */
export async function analyzeScene(engine: Engine, image: RgbImage): Promise<SceneAnalysis> {
  const started = performance.now();
  const classes = await sceneClasses(engine);
  const [vision, { objects }, colors, words] = await Promise.all([
    embedImage(engine, image),
    detectObjects(engine, image),
    dominantColors(image),
    wordEmbeddings(engine),
  ]);
  const agreement = words.scenes.map((row) => dot(row, vision.embedding));
  const nearness = words.things.map((row) => dot(row, vision.embedding));
  return {
    ...judgeScene(vision.sceneLogits, classes, agreement),
    tags: chooseTags(everydayThings, nearness, objects),
    objects,
    colors,
    model: sceneModelVersion(engine),
    ms: performance.now() - started,
  };
}
