import { distanceOf } from "../services/face/src/grouping/vectors.ts";
import { type LabelledFace, randomNumbers } from "./synthetic-faces.ts";

/** Group numbers of faces, in their order; null for those that are nobody's. */
export type Groups = (number | null)[];

/** Pairs within a distance, as a list of neighbours per face: what all methods work on. */
export interface NearGraph {
  /** By face: index and distance of the others. */
  near: { at: number; distance: number }[][];
}

/** Compares every two faces once. */
export function nearGraph(faces: readonly LabelledFace[], distance: number): NearGraph {
  const near: NearGraph["near"] = faces.map(() => []);
  for (const [one, a] of faces.entries()) {
    for (let other = 0; other < one; other++) {
      const b = faces[other];
      const apart = b ? distanceOf(a.vector, b.vector) : distance + 1;
      if (apart > distance) continue;
      near[one]?.push({ at: other, distance: apart });
      near[other]?.push({ at: one, distance: apart });
    }
  }
  return { near };
}

/**
 * DBSCAN (Ester et al. 1996): faces with enough others near them grow groups through each other; faces near such a
 * face belong to it; the rest is noise.
 */
export function dbscan({ near }: NearGraph, distance: number, minFaces: number): Groups {
  const groups: Groups = near.map(() => null);
  const nearOf = (face: number) => (near[face] ?? []).filter((each) => each.distance <= distance);
  const isCore = (face: number) => nearOf(face).length + 1 >= minFaces;
  let next = 0;
  for (let start = 0; start < near.length; start++) {
    if (groups[start] !== null || !isCore(start)) continue;
    const queue = [start];
    groups[start] = next;
    for (let face = queue.pop(); face !== undefined; face = queue.pop()) {
      if (!isCore(face)) continue;
      for (const { at } of nearOf(face)) {
        if (groups[at] !== null) continue;
        groups[at] = next;
        queue.push(at);
      }
    }
    next += 1;
  }
  return groups;
}

/** Rounds after which labels hardly change any more. */
const rounds = 20;

/**
 * Chinese whispers (Biemann 2006), as dlib groups faces: everybody takes the label that weighs most among the near ones,
 * in random order, again and again. Groups smaller than `minFaces` are nobody's.
 */
export function chineseWhispers({ near }: NearGraph, distance: number, minFaces: number): Groups {
  const random = randomNumbers(7);
  const labels = near.map((_, at) => at);
  const order = near.map((_, at) => at);
  for (let round = 0; round < rounds; round++) {
    shuffle(order, random);
    for (const face of order) {
      const weights = new Map<number, number>();
      for (const each of near[face] ?? []) {
        if (each.distance > distance) continue;
        const label = labels[each.at] ?? 0;
        weights.set(label, (weights.get(label) ?? 0) + 1 - each.distance);
      }
      const [best] = [...weights].sort((a, b) => b[1] - a[1] || a[0] - b[0]);
      if (best) labels[face] = best[0];
    }
  }
  const sizes = Map.groupBy(labels, (label) => label);
  return labels.map((label) => ((sizes.get(label)?.length ?? 0) >= minFaces ? label : null));
}

function shuffle(order: number[], random: () => number): void {
  for (let at = order.length - 1; at > 0; at--) {
    const other = Math.floor(random() * (at + 1));
    const [a, b] = [order[at], order[other]];
    if (a !== undefined && b !== undefined) [order[at], order[other]] = [b, a];
  }
}

/** How well groups agree with persons. Faces that are nobody's are groups of one. */
export interface Agreement {
  /** Of pairs grouped together, how many are of one person. */
  precision: number;
  /** Of pairs of one person, how many are grouped together. */
  recall: number;
  /** B-cubed (Bagga and Baldwin 1998): the same per face, averaged; F is the harmonic mean. */
  bCubedPrecision: number;
  bCubedRecall: number;
  bCubedF: number;
  /** Groups, and those of them with faces of several persons. */
  groups: number;
  mixedGroups: number;
}

/** Measures groups against the truth. */
export function agreement(faces: readonly LabelledFace[], groups: Groups): Agreement {
  const keys = groups.map((group, at) => (group === null ? `alone ${at}` : `group ${group}`));
  const count = (values: Iterable<string>) => {
    const counts = new Map<string, number>();
    for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
    return counts;
  };
  const byGroup = count(keys);
  const byPerson = count(faces.map(({ person }) => `${person}`));
  const byBoth = count(faces.map(({ person }, at) => `${keys[at]}/${person}`));
  const pairs = (counts: Map<string, number>) =>
    [...counts.values()].reduce((sum, n) => sum + (n * (n - 1)) / 2, 0);
  let precise = 0;
  let recalled = 0;
  for (const [at, { person }] of faces.entries()) {
    const both = byBoth.get(`${keys[at]}/${person}`) ?? 0;
    precise += both / (byGroup.get(keys[at] ?? "") ?? 1);
    recalled += both / (byPerson.get(`${person}`) ?? 1);
  }
  const bCubedPrecision = precise / faces.length;
  const bCubedRecall = recalled / faces.length;
  const kinds = count([...byBoth.keys()].map((key) => key.slice(0, key.indexOf("/"))));
  const grouped = [...byGroup].filter(([key]) => key.startsWith("group"));
  return {
    precision: pairs(byGroup) > 0 ? pairs(byBoth) / pairs(byGroup) : 1,
    recall: pairs(byBoth) / Math.max(1, pairs(byPerson)),
    bCubedPrecision,
    bCubedRecall,
    bCubedF: (2 * bCubedPrecision * bCubedRecall) / (bCubedPrecision + bCubedRecall),
    groups: grouped.length,
    mixedGroups: grouped.filter(([key]) => (kinds.get(key) ?? 0) > 1).length,
  };
}
