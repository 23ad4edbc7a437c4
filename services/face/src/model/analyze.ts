import type { Engine, RgbImage } from "@ocelli/inference";
import { cutChip } from "./align.ts";
import { detectFaces } from "./detect.ts";
import { embedderModelId, embedFace } from "./embed.ts";
import { faceQuality } from "./quality.ts";
import { detectorModelId } from "./run-blazeface.ts";
import type { Detection, FaceResult, PixelBox } from "./types.ts";

export { faceDistance } from "./embed.ts";
export type { FaceResult, PixelBox } from "./types.ts";

/** Raise when pre- or post-processing changes what is stored for the same picture. */
const processingVersion = 1;
/** Raise when chips are cut differently, so that embeddings of the same face come out differently. */
const alignmentVersion = 1;

/** What the face service stores and answers for one picture. */
export interface FaceAnalysis {
  /** Best score first; small, blurred and turned faces are included with a low quality. */
  faces: FaceResult[];
  /** Ids and versions of both models, with the version of the processing around them. */
  model: string;
  /** Wall-clock milliseconds, waiting for the engine included. */
  ms: number;
}

/** The string stored with every scan: which models and which processing decide what is found in a picture. */
export function faceModelVersion(engine: Engine): string {
  const models = [detectorModelId, embedderModelId].map((id) => engine.model(id));
  return [
    ...models.map(({ id, version }) => `${id}@${version}`),
    `face-processing@${processingVersion}`,
  ].join("+");
}

/**
 * The string stored with every embedding: those of different strings must not be compared. It does not depend on the
 * detector, whose boxes only say where to look.
 */
export function embeddingModelVersion(engine: Engine): string {
  const { id, version } = engine.model(embedderModelId);
  return `${id}@${version}+face-alignment@${alignmentVersion}`;
}

/** How many values an embedding has. */
export function embeddingDimension(engine: Engine): number {
  const { dimension } = engine.model(embedderModelId);
  if (dimension === undefined) throw new RangeError(`the manifest gives ${embedderModelId} no dimension`);
  return dimension;
}

/**
 * Finds, aligns, embeds and rates every face of a picture. Rejects with the engine's errors (overload,
 * missing model). Changes nothing.
 */
export async function analyzeFaces(engine: Engine, image: RgbImage): Promise<FaceAnalysis> {
  const started = performance.now();
  const detections = await detectFaces(engine, image);
  const faces = await Promise.all(detections.map((detection) => toFace(engine, image, detection)));
  return { faces, model: faceModelVersion(engine), ms: performance.now() - started };
}

async function toFace(engine: Engine, image: RgbImage, detection: Detection): Promise<FaceResult> {
  const chip = cutChip(image, detection.landmarks);
  const quality = faceQuality(detection, chip);
  const { width, height } = image;
  return {
    box: toFractions(detection.box, width, height),
    score: detection.score,
    quality,
    landmarks: detection.landmarks.map(([x, y]) => [x / width, y / height]),
    embedding: await embedFace(engine, chip),
  };
}

function toFractions(box: PixelBox, width: number, height: number): PixelBox {
  const clip = (value: number): number => Math.min(1, Math.max(0, value));
  const x = clip(box.x / width);
  const y = clip(box.y / height);
  return {
    x,
    y,
    width: clip((box.x + box.width) / width) - x,
    height: clip((box.y + box.height) / height) - y,
  };
}
