import { commonV1 } from "@ocelli/contracts";
import type { FaceResult } from "../model/analyze.ts";

/** A face as other services and clients see it: never with its embedding. */
export function toFaceView(face: FaceResult & { id?: string }): commonV1.Face {
  return commonV1.Face.fromPartial({
    id: face.id ?? "",
    box: face.box,
    score: face.score,
    quality: face.quality,
  });
}
