import { commonV1 } from "@ocelli/contracts";
import type { FaceResult } from "../model/types.ts";

/** What is told of a face; what else its source holds, above all the embedding, is left behind. */
export interface ViewableFace extends Pick<FaceResult, "box" | "score" | "quality"> {
  /** Absent for faces that are not stored. */
  id?: string;
  personId?: string | null;
  personName?: string;
}

/** A face of which only is told that it is there. */
export function withoutPerson<T extends ViewableFace>(face: T): ViewableFace {
  return { ...face, personId: null, personName: "" };
}

/** A face as other services and clients see it: never with its embedding. */
export function toFaceView(face: ViewableFace): commonV1.Face {
  return commonV1.Face.fromPartial({
    id: face.id ?? "",
    box: face.box,
    score: face.score,
    quality: face.quality,
    personId: face.personId ?? "",
    personName: face.personName ?? "",
  });
}
