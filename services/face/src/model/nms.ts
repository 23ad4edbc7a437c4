import type { Detection, PixelBox, Point } from "./types.ts";

/** Area shared by two boxes, in square pixels. */
export function intersection(a: PixelBox, b: PixelBox): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  return width > 0 && height > 0 ? width * height : 0;
}

/** Intersection over union, 0..1. */
export function iou(a: PixelBox, b: PixelBox): number {
  const shared = intersection(a, b);
  const union = a.width * a.height + b.width * b.height - shared;
  return union > 0 ? shared / union : 0;
}

/** Intersection over the smaller box, 0..1: finds a half face inside the whole one, which IoU misses. */
export function overlapOfSmaller(a: PixelBox, b: PixelBox): number {
  const smaller = Math.min(a.width * a.height, b.width * b.height);
  return smaller > 0 ? intersection(a, b) / smaller : 0;
}

/**
 * MediaPipe's weighted non-maximum suppression (NonMaxSuppressionCalculator, algorithm WEIGHTED): candidates
 * that overlap the best one by more than `minIou` are averaged into it by score, which steadies boxes and
 * landmarks; the best score is kept.
 */
export function weightedNms(candidates: readonly Detection[], minIou: number): Detection[] {
  let rest = [...candidates].sort((a, b) => b.score - a.score);
  const kept: Detection[] = [];
  while (true) {
    const best = rest[0];
    if (!best) return kept;
    const group = rest.filter((candidate) => candidate === best || iou(best.box, candidate.box) > minIou);
    rest = rest.filter((candidate) => !group.includes(candidate));
    kept.push(average(group, best.score));
  }
}

/**
 * Merges detections of several passes: the better score wins over everything that overlaps it or lies inside
 * it.
 */
export function mergePasses(
  detections: readonly Detection[],
  minIou: number,
  minOverlap: number,
): Detection[] {
  const kept: Detection[] = [];
  for (const detection of [...detections].sort((a, b) => b.score - a.score)) {
    const known = kept.some(
      ({ box }) => iou(box, detection.box) > minIou || overlapOfSmaller(box, detection.box) > minOverlap,
    );
    if (!known) kept.push(detection);
  }
  return kept;
}

function average(group: readonly Detection[], score: number): Detection {
  const total = group.reduce((sum, member) => sum + member.score, 0);
  const mean = (value: (member: Detection) => number): number =>
    group.reduce((sum, member) => sum + value(member) * (member.score / total), 0);
  const pointCount = group[0]?.landmarks.length ?? 0;
  const landmarks = Array.from(
    { length: pointCount },
    (_, index): Point => [
      mean((member) => member.landmarks[index]?.[0] ?? 0),
      mean((member) => member.landmarks[index]?.[1] ?? 0),
    ],
  );
  return {
    box: {
      x: mean(({ box }) => box.x),
      y: mean(({ box }) => box.y),
      width: mean(({ box }) => box.width),
      height: mean(({ box }) => box.height),
    },
    score,
    landmarks,
  };
}
