import { type Engine, floats } from "@ocelli/inference";
import { chipSide } from "./align.ts";

/** Manifest id of the face embedding. */
export const embedderModelId = "face-embed-dlib";

/**
 * The 128 values of an aligned chip (150 x 150 HWC RGB), compared by Euclidean distance: below .50 the same
 * person for sure, .58-.60 separates (model card). The network takes 0..255 and subtracts its own mean.
 */
export async function embedFace(engine: Engine, chip: Uint8Array): Promise<Float32Array> {
  const { outputs } = await engine.run(embedderModelId, {
    input: {
      type: "pixels",
      dims: [1, 3, chipSide, chipSide],
      data: chip,
      layout: "nchw",
      order: "rgb",
      mean: [0, 0, 0],
      std: [1, 1, 1],
    },
  });
  return floats(embedderModelId, outputs, "descriptor");
}

/** Euclidean distance of two face embeddings. */
export function faceDistance(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (const [index, value] of a.entries()) sum += (value - (b[index] ?? 0)) ** 2;
  return Math.sqrt(sum);
}
