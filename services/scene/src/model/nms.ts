import type { Box, DetectedObject } from "./types.ts";

/** Intersection over union of two boxes, 0..1. */
export function iou(a: Box, b: Box): number {
  const width = Math.min(a.x + a.width, b.x + b.width) - Math.max(a.x, b.x);
  const height = Math.min(a.y + a.height, b.y + b.height) - Math.max(a.y, b.y);
  if (width <= 0 || height <= 0) return 0;
  const shared = width * height;
  return shared / (a.width * a.height + b.width * b.height - shared);
}

/**
 * Non-maximum suppression within each label; the answer is sorted by score and holds at most `limit` objects.
 */
export function suppressPerLabel(
  candidates: readonly DetectedObject[],
  maxIou: number,
  limit: number,
): DetectedObject[] {
  const kept: DetectedObject[] = [];
  for (const candidate of [...candidates].sort((a, b) => b.score - a.score)) {
    if (kept.length >= limit) break;
    const covered = kept.some(
      ({ label, box }) => label === candidate.label && iou(box, candidate.box) > maxIou,
    );
    if (!covered) kept.push(candidate);
  }
  return kept;
}
