import { commonV1 } from "@ocelli/contracts";
import type { SceneAnalysis } from "../model/analyze.ts";

/** The model's answer as the contract shows it. */
export function toSceneResult(analysis: SceneAnalysis): commonV1.SceneResult {
  return commonV1.SceneResult.fromPartial({
    labels: analysis.labels,
    place: analysis.place,
    unsure: analysis.unsure,
    tags: analysis.tags,
    objects: analysis.objects,
    colors: analysis.colors,
  });
}
