import type { RotatedRect } from "./types.ts";

/** Lines whose centres differ by less than this share of the smaller height stand on one row. */
const sameRow = 0.5;

/**
 * Sorts as a reader would: rows from top to bottom, each from left to right. A tilted page is read along its own
 * direction (the median angle of its lines).
 */
export function sortForReading<T extends { rect: RotatedRect }>(items: readonly T[]): T[] {
  const angle = median(items.map((item) => item.rect.angle));
  const cos = Math.cos(angle);
  const sin = Math.sin(angle);
  const placed = items
    .map((item) => ({
      item,
      along: item.rect.centerX * cos + item.rect.centerY * sin - item.rect.width / 2,
      down: item.rect.centerY * cos - item.rect.centerX * sin,
      height: item.rect.height,
    }))
    .sort((a, b) => a.down - b.down);
  const rows: (typeof placed)[] = [];
  for (const entry of placed) {
    const row = rows.at(-1);
    const first = row?.[0];
    const joins = first && entry.down - first.down < sameRow * Math.min(entry.height, first.height);
    if (row && joins) row.push(entry);
    else rows.push([entry]);
  }
  return rows.flatMap((row) => row.sort((a, b) => a.along - b.along).map((entry) => entry.item));
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
