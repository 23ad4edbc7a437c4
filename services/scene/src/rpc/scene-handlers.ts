import type { RawImageReader } from "@ocelli/analysis";
import {
  type IdentityContext,
  invalidArgument,
  notFound,
  parsePhotoId,
  requireUser,
  withArrivalLimits,
} from "@ocelli/chassis";
import type { sceneV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { analyzeScene, cocoLabels, detectObjects } from "../model/analyze.ts";
import { findScene } from "../store/scenes.ts";
import type { SceneTables } from "../store/tables.ts";
import { toSceneResult } from "./scene-view.ts";

/** What the handlers need. */
export interface SceneHandlerDependencies {
  db: Kysely<SceneTables>;
  engine: Engine;
  rawImages: RawImageReader;
  /** How long a client may stay silent before it says what it wants. */
  receiveTimeoutMs: number;
}

/** gRPC handlers of the scene service. */
export function createSceneHandlers({
  db,
  engine,
  rawImages,
  receiveTimeoutMs,
}: SceneHandlerDependencies): sceneV1.SceneServiceImplementation<IdentityContext> {
  return {
    async getScene(request, { identity }) {
      const stored = await findScene(db, requireUser(identity), parsePhotoId(request.photoId));
      if (!stored) throw notFound("SCENE_NOT_FOUND", "This photo has no scene yet.");
      return { scene: stored.scene, provenance: { model: stored.model, ms: stored.ms } };
    },

    async classifyImage(requests, { identity }) {
      requireUser(identity);
      const analysis = await rawImages.withImage(chunksOf(requests), (image) => analyzeScene(engine, image));
      return { scene: toSceneResult(analysis), provenance: { model: analysis.model, ms: analysis.ms } };
    },

    async detectObjects(requests, { identity }) {
      requireUser(identity);
      const iterator = withArrivalLimits(requests, { idleMs: receiveTimeoutMs });
      const options = parseOptions(await iterator.next());
      const chunks = fileChunks(iterator);
      return rawImages.withImage(chunks, async (image) => {
        const { objects, model, ms } = await detectObjects(engine, image, options);
        return { objects, width: image.width, height: image.height, provenance: { model, ms } };
      });
    },
  };
}

async function* chunksOf(requests: AsyncIterable<sceneV1.ClassifyImageRequest>): AsyncGenerator<Uint8Array> {
  for await (const { chunk } of requests) yield chunk;
}

async function* fileChunks(
  requests: AsyncIterable<sceneV1.DetectObjectsRequest>,
): AsyncGenerator<Uint8Array> {
  for await (const { part } of requests) {
    if (part?.$case !== "chunk")
      throw invalidArgument("UNEXPECTED_MESSAGE", "Options come first, then only chunks.");
    yield part.value;
  }
}

function parseOptions(first: IteratorResult<sceneV1.DetectObjectsRequest>): {
  minScore?: number;
  labels?: string[];
} {
  const part = first.done ? undefined : first.value.part;
  if (part?.$case !== "options")
    throw invalidArgument("OPTIONS_MISSING", "The first message must hold the options.");
  const { minScore, labels } = part.value;
  if (!(minScore >= 0 && minScore <= 1)) {
    throw invalidArgument("INVALID_MIN_SCORE", "The least confidence must lie between 0 and 1.", [
      { field: "confidence", description: "must be a number from 0 to 1" },
    ]);
  }
  const unknown = labels.find((label) => !cocoLabels.includes(label));
  if (unknown !== undefined) {
    throw invalidArgument("UNKNOWN_CLASS", "A class is not among those the detector knows.", [
      { field: "classes", description: `${JSON.stringify(unknown.slice(0, 40))} is not a COCO class name` },
    ]);
  }
  return { ...(minScore > 0 ? { minScore } : {}), ...(labels.length > 0 ? { labels } : {}) };
}
