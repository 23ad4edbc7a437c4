import { dot, type Engine, embedImage, floats, type RgbImage, resizePixels } from "@ocelli/inference";
import { cocoLabels } from "./coco-labels.ts";
import { decodeNanodet, nanodetHeads, nanodetMean, nanodetSide, nanodetStd } from "./nanodet.ts";
import { iou, suppressPerLabel } from "./nms.ts";
import { wordEmbeddings } from "./tag-embeddings.ts";
import type { DetectedObject } from "./types.ts";

/** Manifest id of the object detector. */
export const objectModelId = "objects-nanodet-g";

/** Default cut. The model card's figures on 128 COCO val images at .40: precision 68 %, recall 36 %. */
export const defaultMinScore = 0.4;
/**
 * Lowest score a caller may ask for: below it the detector answers hundreds of boxes of noise (nanodet's own
 * score_thr).
 */
const lowestMinScore = 0.05;
/** NanoDet's own suppression settings (nanodet: multiclass_nms, iou_threshold 0.6, max_num 100). */
const maxIou = 0.6;
const maxObjects = 100;
/** Candidates that compete for names: bounds the pairwise comparison. */
const maxCandidates = 300;

/** What a caller wants of the detections. */
export interface DetectOptions {
  /** 0..1; default 0.4, raised to 0.05 when lower. */
  minScore?: number;
  /** Only these labels (COCO names); default all. */
  labels?: readonly string[];
}

/**
 * Boxes of different labels that overlap this much are one thing with two names; neighbours and parts overlap
 * less.
 */
const sameThingIou = 0.8;
/**
 * Share of the cut from which a label may compete for the name of a thing that is above the cut under another
 * one.
 */
const namingShare = 0.75;
/** Share of the picture from which the picture's own embedding speaks for the box. */
const wholePictureShare = 0.5;

/** Answer of one detection. */
export interface ObjectDetection {
  objects: DetectedObject[];
  /** Ids and versions of the models, with the version of the processing around them. */
  model: string;
  /** Wall-clock milliseconds, waiting for the engine included. */
  ms: number;
}

/** Raise when the objects of the same picture change. */
const processingVersion = 1;

/** The model string stored with detected objects. */
export function objectModel(engine: Engine): string {
  return `${objectModelId}@${engine.model(objectModelId).version}+objects-processing@${processingVersion}`;
}

/**
 * Objects of the 80 COCO classes, best first, at most 100. Where the detector gives one thing several names,
 * the name that agrees best with the joint embedding wins. Rejects with the engine's errors.
 */
export async function detectObjects(
  engine: Engine,
  image: RgbImage,
  { minScore = defaultMinScore, labels }: DetectOptions = {},
): Promise<ObjectDetection> {
  const started = performance.now();
  const cut = Math.max(minScore, lowestMinScore);
  const candidates = await runNanodet(engine, image, Math.max(cut * namingShare, lowestMinScore));
  const named = await settleNames(engine, image, suppressPerLabel(candidates, maxIou, maxCandidates));
  // Filtered last: a cat must not become a dog because only dogs were asked for.
  const objects = named
    .filter(({ label, score }) => score >= cut && (labels?.includes(label) ?? true))
    .slice(0, maxObjects);
  return { objects, model: objectModel(engine), ms: performance.now() - started };
}

async function runNanodet(engine: Engine, image: RgbImage, minScore: number): Promise<DetectedObject[]> {
  const side = nanodetSide;
  const { data } = await resizePixels(image, { width: side, height: side, fit: "fill", kernel: "linear" });
  const dims = [1, 3, side, side];
  const { outputs } = await engine.run(objectModelId, {
    input_1: { type: "pixels", dims, data, layout: "nchw", order: "bgr", mean: nanodetMean, std: nanodetStd },
  });
  const heads = nanodetHeads.map((head) => ({
    scores: floats(objectModelId, outputs, head.scores),
    distances: floats(objectModelId, outputs, head.distances),
  }));
  return decodeNanodet(heads, minScore);
}

async function settleNames(
  engine: Engine,
  image: RgbImage,
  objects: readonly DetectedObject[],
): Promise<DetectedObject[]> {
  const contested = objects.some(({ box }, index) =>
    objects.slice(0, index).some((o) => iou(o.box, box) > sameThingIou),
  );
  if (!contested) return [...objects];
  const [{ embedding }, words] = await Promise.all([embedImage(engine, image), wordEmbeddings(engine)]);
  const trust = ({ label, score, box }: DetectedObject): number => {
    const word = words.objects[cocoLabels.indexOf(label)];
    return box.width * box.height >= wholePictureShare && word ? score + dot(word, embedding) : score;
  };
  return keepBestNames(objects, trust);
}

/**
 * Of objects with different labels in nearly the same box, keeps the most trusted name with the group's best
 * score: that something is there is what the detector is surest of. The answer is sorted by score.
 */
export function keepBestNames(
  objects: readonly DetectedObject[],
  trust: (object: DetectedObject) => number,
): DetectedObject[] {
  const kept: DetectedObject[] = [];
  for (const object of [...objects].sort((a, b) => trust(b) - trust(a))) {
    const named = kept.find(({ box }) => iou(box, object.box) > sameThingIou);
    if (named) named.score = Math.max(named.score, object.score);
    else kept.push({ ...object });
  }
  return kept.sort((a, b) => b.score - a.score);
}
