import { AppError, type RpcClient, toChunks } from "@ocelli/chassis";
import type { commonV1, eventsV1, sceneV1 } from "@ocelli/contracts";
import type { CaptionContext } from "./model/analyze.ts";

/** What the scene service said of a picture, as plain sentences are built from it. */
export function toCaptionContext(scene: commonV1.SceneResult | undefined): CaptionContext {
  if (!scene) return { objects: [], tags: [] };
  const [best] = scene.labels;
  return {
    objects: scene.objects,
    tags: scene.tags,
    scene: { label: best?.label ?? "", unsure: scene.unsure, place: toPlace(scene.place) },
  };
}

/**
 * Asks the scene service about bytes that are not stored; a caption without its answer is better than none. The signal
 * of the call behind it ends it too: nobody waits for the answer any more.
 */
export function createSceneDescriber(scene: RpcClient<typeof sceneV1.SceneServiceDefinition>) {
  return async function describeScene(
    bytes: Uint8Array,
    userId: string,
    signal: AbortSignal,
  ): Promise<CaptionContext> {
    const answer = await scene
      .classifyImage(messages(bytes), { actingUser: userId, signal })
      .catch(() => undefined);
    signal.throwIfAborted();
    return toCaptionContext(answer?.scene);
  };
}

/** Reads what is stored of a photo's scene, acting for the photo's owner. */
export type StoredSceneReader = (photo: eventsV1.PhotoRef, signal: AbortSignal) => Promise<CaptionContext>;

/** Asks the scene service about a stored photo. That it knows nothing of it is an answer, that it is down is none. */
export function createStoredSceneReader(
  scene: Pick<RpcClient<typeof sceneV1.SceneServiceDefinition>, "getScene">,
): StoredSceneReader {
  return async function storedScene({ photoId, ownerId }, signal) {
    try {
      const answer = await scene.getScene({ photoId }, { actingUser: ownerId, signal });
      return toCaptionContext(answer.scene);
    } catch (error) {
      if (AppError.from(error).reason === "SCENE_NOT_FOUND") return toCaptionContext(undefined);
      throw error;
    }
  };
}

async function* messages(bytes: Uint8Array): AsyncGenerator<{ chunk: Uint8Array }> {
  for (const chunk of toChunks(bytes)) yield { chunk };
}

function toPlace(place: string): "indoor" | "outdoor" | "unknown" {
  return place === "indoor" || place === "outdoor" ? place : "unknown";
}
