import type { Engine, RgbImage } from "@ocelli/inference";
import { analyzeFaces } from "./analyze.ts";
import { cutCrop } from "./crop.ts";
import type { FaceResult } from "./types.ts";

/** One face as a scan finds it, with its cut-out. */
export interface ScannedFace extends FaceResult {
  /** JPEG, at most 64 KiB (see crop.ts). */
  crop: Uint8Array;
}

/** Finds the faces of a picture and cuts them out. Rejects with the engine's errors; changes nothing. */
export async function scanFaces(engine: Engine, image: RgbImage): Promise<ScannedFace[]> {
  const { faces } = await analyzeFaces(engine, image);
  return Promise.all(faces.map(async (face) => ({ ...face, crop: await cutCrop(image, face.box) })));
}
