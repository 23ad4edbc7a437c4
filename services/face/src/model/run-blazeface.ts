import { type Engine, floats } from "@ocelli/inference";
import { blazefaceSide, decodeBlazeface } from "./blazeface.ts";
import type { Detection } from "./types.ts";

/** Manifest id of the face detector. */
export const detectorModelId = "face-detect-blazeface";

/** Candidates of one 256 x 256 HWC RGB picture at or above `minScore`, in its pixels, before suppression. */
export async function runBlazeface(engine: Engine, data: Uint8Array, minScore: number): Promise<Detection[]> {
  const { outputs } = await engine.run(detectorModelId, {
    "input:0": {
      type: "pixels",
      dims: [1, blazefaceSide, blazefaceSide, 3],
      data,
      layout: "nhwc",
      order: "rgb",
      mean: [127.5, 127.5, 127.5],
      std: [127.5, 127.5, 127.5],
    },
  });
  const output = (name: string): Float32Array => floats(detectorModelId, outputs, name);
  const heads = [
    { scores: output("Identity:0"), regressors: output("Identity_2:0") },
    { scores: output("Identity_1:0"), regressors: output("Identity_3:0") },
  ];
  return decodeBlazeface(heads, minScore);
}
