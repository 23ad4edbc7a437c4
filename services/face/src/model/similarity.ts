import type { Point } from "./types.ts";

/** x' = a*x - b*y + tx, y' = b*x + a*y + ty: rotation, uniform scale and shift, no mirror. */
export interface Similarity {
  a: number;
  b: number;
  tx: number;
  ty: number;
}

/**
 * The least-squares similarity that takes `from` to `to` (Umeyama 1991, "Least-squares estimation of
 * transformation parameters between two point patterns"). In the plane without reflection its SVD has this
 * closed form. Throws RangeError when the lists differ in length or all source points coincide.
 */
export function fitSimilarity(from: readonly Point[], to: readonly Point[]): Similarity {
  if (from.length !== to.length || from.length < 2)
    throw new RangeError("two or more point pairs are needed");
  const centreFrom = centroid(from);
  const centreTo = centroid(to);
  let dot = 0;
  let cross = 0;
  let variance = 0;
  for (const [index, [fromX, fromY]] of from.entries()) {
    const target = to[index] ?? centreTo;
    const x = fromX - centreFrom[0];
    const y = fromY - centreFrom[1];
    const u = target[0] - centreTo[0];
    const v = target[1] - centreTo[1];
    dot += x * u + y * v;
    cross += x * v - y * u;
    variance += x * x + y * y;
  }
  if (variance < 1e-9) throw new RangeError("all source points coincide");
  const a = dot / variance;
  const b = cross / variance;
  return {
    a,
    b,
    tx: centreTo[0] - (a * centreFrom[0] - b * centreFrom[1]),
    ty: centreTo[1] - (b * centreFrom[0] + a * centreFrom[1]),
  };
}

/** Applies a similarity to one point. */
export function applySimilarity({ a, b, tx, ty }: Similarity, [x, y]: Point): Point {
  return [a * x - b * y + tx, b * x + a * y + ty];
}

/** The inverse transform. Throws RangeError when the scale is zero. */
export function invertSimilarity({ a, b, tx, ty }: Similarity): Similarity {
  const square = a * a + b * b;
  if (square < 1e-12) throw new RangeError("a similarity of scale zero has no inverse");
  const inverseA = a / square;
  const inverseB = -b / square;
  return {
    a: inverseA,
    b: inverseB,
    tx: -(inverseA * tx - inverseB * ty),
    ty: -(inverseB * tx + inverseA * ty),
  };
}

function centroid(points: readonly Point[]): Point {
  const sum = points.reduce<[number, number]>(([x, y], point) => [x + point[0], y + point[1]], [0, 0]);
  return [sum[0] / points.length, sum[1] / points.length];
}
