import type { RotatedRect } from "./types.ts";

/** A point in pixels. */
export type Point = readonly [x: number, y: number];

/** How much smaller a turned rectangle must be than the upright one before we believe the turn: the outline of a short
 *  upright word is ragged, and its smallest rectangle leans by a few degrees for no reason. */
const worthTurning = 0.9;

/** Convex hull, counter-clockwise in a y-up system, without the repeated first point (Andrew's monotone chain). */
export function convexHull(points: readonly Point[]): Point[] {
  const sorted = [...points].sort((a, b) => a[0] - b[0] || a[1] - b[1]);
  if (sorted.length < 3) return sorted;
  const lower = halfHull(sorted);
  const upper = halfHull(sorted.reverse());
  return [...lower.slice(0, -1), ...upper.slice(0, -1)];
}

function halfHull(sorted: readonly Point[]): Point[] {
  const chain: Point[] = [];
  for (const point of sorted) {
    for (;;) {
      const last = chain.at(-1);
      const before = chain.at(-2);
      if (last === undefined || before === undefined || turn(before, last, point) > 0) break;
      chain.pop();
    }
    chain.push(point);
  }
  return chain;
}

function turn(a: Point, b: Point, c: Point): number {
  return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0]);
}

/**
 * Smallest rectangle around the points: one of its sides lies on a side of the hull, so trying each suffices. Angles
 * are folded to -45..45 degrees, where "width" runs left to right. Null for no points.
 */
export function smallestRect(points: readonly Point[]): RotatedRect | null {
  const hull = convexHull(points);
  if (hull.length === 0) return null;
  const upright = rectAt(hull, 0);
  let best = upright;
  for (const [index, point] of hull.entries()) {
    const next = hull[(index + 1) % hull.length] ?? point;
    const rect = rectAt(hull, foldAngle(Math.atan2(next[1] - point[1], next[0] - point[0])));
    if (rect.width * rect.height < best.width * best.height) best = rect;
  }
  return best.width * best.height < upright.width * upright.height * worthTurning ? best : upright;
}

function foldAngle(angle: number): number {
  const quarter = Math.PI / 2;
  return angle - quarter * Math.round(angle / quarter);
}

function rectAt(points: readonly Point[], angle: number): RotatedRect {
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  let [minU, maxU, minV, maxV] = [Infinity, -Infinity, Infinity, -Infinity];
  for (const [x, y] of points) {
    const u = x * cos + y * sin;
    const v = y * cos - x * sin;
    minU = Math.min(minU, u);
    maxU = Math.max(maxU, u);
    minV = Math.min(minV, v);
    maxV = Math.max(maxV, v);
  }
  const u = (minU + maxU) / 2;
  const v = (minV + maxV) / 2;
  return {
    centerX: u * cos - v * sin,
    centerY: u * sin + v * cos,
    width: maxU - minU,
    height: maxV - minV,
    angle,
  };
}

/** Corners clockwise on the screen from the top left of the text. */
export function corners(rect: RotatedRect): [Point, Point, Point, Point] {
  return [place(rect, -1, -1), place(rect, 1, -1), place(rect, 1, 1), place(rect, -1, 1)];
}

function place(rect: RotatedRect, alongWidth: number, alongHeight: number): Point {
  const cos = Math.cos(rect.angle);
  const sin = Math.sin(rect.angle);
  const u = (alongWidth * rect.width) / 2;
  const v = (alongHeight * rect.height) / 2;
  return [rect.centerX + u * cos - v * sin, rect.centerY + u * sin + v * cos];
}

/** The same rectangle in a picture scaled by `factorX` and `factorY` (nearly equal factors: the angle is kept true for
 *  the width's direction, and the sides stay perpendicular). */
export function scaleRect(rect: RotatedRect, factorX: number, factorY: number): RotatedRect {
  const cos = Math.cos(rect.angle);
  const sin = Math.sin(rect.angle);
  return {
    centerX: rect.centerX * factorX,
    centerY: rect.centerY * factorY,
    width: rect.width * Math.hypot(cos * factorX, sin * factorY),
    height: rect.height * Math.hypot(sin * factorX, cos * factorY),
    angle: Math.atan2(sin * factorY, cos * factorX),
  };
}
