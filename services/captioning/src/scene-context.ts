import { type RpcClient, toChunks } from "@ocelli/chassis";
import type { commonV1, sceneV1 } from "@ocelli/contracts";
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

async function* messages(bytes: Uint8Array): AsyncGenerator<{ chunk: Uint8Array }> {
  for (const chunk of toChunks(bytes)) yield { chunk };
}

function toPlace(place: string): "indoor" | "outdoor" | "unknown" {
  return place === "indoor" || place === "outdoor" ? place : "unknown";
}
