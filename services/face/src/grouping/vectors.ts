/** Values compared before it is asked whether the limit is passed: a quarter of an embedding. */
const stride = 32;

/**
 * Square of the Euclidean distance of two vectors of `length` values within larger arrays. Answers any number above
 * `limit` once it is clear that the distance is larger: most comparisons end after a quarter.
 */
export function squareDistance(
  a: Float32Array,
  aStart: number,
  b: Float32Array,
  bStart: number,
  length: number,
  limit: number = Number.POSITIVE_INFINITY,
): number {
  let sum = 0;
  for (let from = 0; from < length; from += stride) {
    const to = Math.min(length, from + stride);
    for (let at = from; at < to; at++) {
      // The indices are within the arrays; the fallback is never taken and costs nothing.
      const difference = (a[aStart + at] ?? 0) - (b[bStart + at] ?? 0);
      sum += difference * difference;
    }
    if (sum > limit) return sum;
  }
  return sum;
}

/** Euclidean distance of two vectors of the same length. */
export function distanceOf(a: Float32Array, b: Float32Array): number {
  return Math.sqrt(squareDistance(a, 0, b, 0, a.length));
}

/** Something within a distance. */
export interface Neighbour {
  id: string;
  distance: number;
}

/** Nearest first, equally near ones by id: the same in every process, however the table came about. */
export function byDistance(a: Neighbour, b: Neighbour): number {
  return a.distance - b.distance || (a.id < b.id ? -1 : a.id > b.id ? 1 : 0);
}

/** Vectors by id in one block of memory, to be compared one after another. */
export interface VectorTable {
  readonly size: number;
  /** Bytes taken. */
  readonly bytes: number;
  has(id: string): boolean;
  /** A view that is valid until the table changes. */
  get(id: string): Float32Array | undefined;
  set(id: string, vector: Float32Array): void;
  delete(id: string): void;
  ids(): readonly string[];
  /** All within a distance, nearest first. */
  within(vector: Float32Array, distance: number): Neighbour[];
  /** The nearest `count`, nearest first. */
  nearest(vector: Float32Array, count: number): Neighbour[];
}

/** Bytes of an id, its place in the map and in the list. */
const bytesPerId = 150;
/** How much more room a full table makes for itself. */
const growth = 1.5;

/** Bytes that each vector in a table takes at most, right after the table has grown. */
export function bytesPerVector(dimension: number): number {
  return dimension * Float32Array.BYTES_PER_ELEMENT * growth + bytesPerId;
}

/** Creates an empty table of vectors with `dimension` values. */
export function createVectorTable(dimension: number): VectorTable {
  let values = new Float32Array(dimension * 16);
  const ids: string[] = [];
  const slots = new Map<string, number>();

  function write(slot: number, vector: Float32Array): void {
    if ((slot + 1) * dimension > values.length) {
      const grown = new Float32Array(Math.ceil(values.length * growth));
      grown.set(values);
      values = grown;
    }
    values.set(vector, slot * dimension);
  }

  function within(vector: Float32Array, distance: number): Neighbour[] {
    const limit = distance * distance;
    const found: Neighbour[] = [];
    for (const [slot, id] of ids.entries()) {
      const square = squareDistance(vector, 0, values, slot * dimension, dimension, limit);
      if (square <= limit) found.push({ id, distance: Math.sqrt(square) });
    }
    return found.sort(byDistance);
  }

  return {
    get size() {
      return ids.length;
    },
    get bytes() {
      return values.byteLength + ids.length * bytesPerId;
    },
    has: (id) => slots.has(id),
    get(id) {
      const slot = slots.get(id);
      return slot === undefined ? undefined : values.subarray(slot * dimension, (slot + 1) * dimension);
    },
    set(id, vector) {
      if (vector.length !== dimension) throw new RangeError(`${dimension} values are needed`);
      const slot = slots.get(id) ?? ids.length;
      write(slot, vector);
      ids[slot] = id;
      slots.set(id, slot);
    },
    delete(id) {
      const slot = slots.get(id);
      if (slot === undefined) return;
      slots.delete(id);
      const last = ids.length - 1;
      const moved = ids.pop();
      if (slot === last || moved === undefined) return;
      values.copyWithin(slot * dimension, last * dimension, (last + 1) * dimension);
      ids[slot] = moved;
      slots.set(moved, slot);
    },
    ids: () => ids,
    within,
    nearest(vector, count) {
      let best: Neighbour[] = [];
      let limit = Number.POSITIVE_INFINITY;
      for (const [slot, id] of ids.entries()) {
        const square = squareDistance(vector, 0, values, slot * dimension, dimension, limit);
        if (square > limit) continue;
        best.push({ id, distance: square });
        if (best.length < count * 2) continue;
        best = best.sort(byDistance).slice(0, count);
        limit = best.at(-1)?.distance ?? limit;
      }
      return best
        .sort(byDistance)
        .slice(0, count)
        .map((each) => ({ id: each.id, distance: Math.sqrt(each.distance) }));
    },
  };
}
