import type { Detection, Point } from "./types.ts";

/**
 * Side of BlazeFace's square input; also the unit of its regressors (MediaPipe face_detection_back:
 * x/y/w/h_scale 256).
 */
export const blazefaceSide = 256;

/**
 * Anchor grids of MediaPipe's face_detection_back graph (SsdAnchorsCalculator: strides 16,32,32,32, aspect
 * ratio 1 plus the interpolated one, fixed_anchor_size, offset 0.5). The three layers of stride 32 share one
 * grid, which gives 2 anchors per cell of 16x16 and 6 per cell of 8x8: 512 + 384 = 896.
 */
const anchorGrids = [
  { cells: 16, perCell: 2 },
  { cells: 8, perCell: 6 },
] as const;

/** box centre and size, then x,y of the six points (MediaPipe: num_coords 16, keypoint_coord_offset 4). */
const valuesPerAnchor = 16;
const landmarkCount = 6;

/** Raw scores of one grid with their regressors, as the model puts them out. */
export interface BlazefaceHead {
  /** One logit per anchor. */
  scores: Float32Array;
  /** 16 values per anchor, in pixels of the 256 input relative to the anchor's centre. */
  regressors: Float32Array;
}

/** Centres of all anchors as x,y pairs in fractions of the input, in the order of the model's outputs. */
export function blazefaceAnchors(): Float32Array[] {
  return anchorGrids.map(({ cells, perCell }) => {
    const centres = new Float32Array(cells * cells * perCell * 2);
    let at = 0;
    for (let row = 0; row < cells; row++) {
      for (let column = 0; column < cells; column++) {
        for (let anchor = 0; anchor < perCell; anchor++) {
          centres[at++] = (column + 0.5) / cells;
          centres[at++] = (row + 0.5) / cells;
        }
      }
    }
    return centres;
  });
}

const anchors = blazefaceAnchors();

/**
 * Turns the two heads into candidate faces in pixels of the 256 x 256 input, those at or above `minScore`
 * only. Anchors have size 1, so a regressor is an offset from the anchor's centre in input pixels. Throws
 * RangeError when the heads do not have the model's shapes (a wrong model file).
 */
export function decodeBlazeface(heads: readonly BlazefaceHead[], minScore: number): Detection[] {
  const found: Detection[] = [];
  const minLogit = Math.log(minScore / (1 - minScore));
  for (const [level, centres] of anchors.entries()) {
    const head = heads[level];
    const count = centres.length / 2;
    if (head?.scores.length !== count || head.regressors.length !== count * valuesPerAnchor) {
      throw new RangeError(`face detector head ${level}: expected ${count} anchors`);
    }
    for (let index = 0; index < count; index++) {
      const logit = head.scores[index] ?? Number.NEGATIVE_INFINITY;
      if (logit >= minLogit)
        found.push(decodeAnchor(head.regressors, index, centres, 1 / (1 + Math.exp(-logit))));
    }
  }
  return found;
}

function decodeAnchor(
  regressors: Float32Array,
  index: number,
  centres: Float32Array,
  score: number,
): Detection {
  const values = regressors.subarray(index * valuesPerAnchor, (index + 1) * valuesPerAnchor);
  const anchorX = (centres[index * 2] ?? 0) * blazefaceSide;
  const anchorY = (centres[index * 2 + 1] ?? 0) * blazefaceSide;
  const at = (offset: number): number => values[offset] ?? 0;
  const width = at(2);
  const height = at(3);
  const landmarks: Point[] = Array.from({ length: landmarkCount }, (_, point) => [
    anchorX + at(4 + point * 2),
    anchorY + at(5 + point * 2),
  ]);
  return {
    box: { x: anchorX + at(0) - width / 2, y: anchorY + at(1) - height / 2, width, height },
    score,
    landmarks,
  };
}
