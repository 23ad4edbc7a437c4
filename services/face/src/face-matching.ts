import { iou, overlapOfSmaller } from "./model/nms.ts";
import type { PixelBox } from "./model/types.ts";

/** Two boxes that share more than this of their union are the same face, seen twice. */
const minIou = 0.5;
/**
 * A face of which a human has spoken is taken for one of which it shares this much of the smaller box, too: another
 * detector may draw boxes so differently that it would otherwise be a new face, of which nobody has said anything.
 */
const minSpokenOverlap = 0.5;

/** A face that is known by its id. */
export interface KnownFace {
  id: string;
  box: PixelBox;
  /** A human has said something of it, e.g. whose it is not, or that it is never to be recognised again. */
  spokenOf?: boolean;
}

/** A known face and a found one that may be the same. */
interface Pair {
  index: number;
  id: string;
  overlap: number;
}

/**
 * Finds again, among the faces known of a photo, those that a new scan found: the best overlap first, each face once.
 * @returns for every face found, the id of the known one; undefined for new faces.
 */
export function matchFaces(
  known: readonly KnownFace[],
  found: readonly { box: PixelBox }[],
): (string | undefined)[] {
  const sure = pairsOf(known, found, iou, minIou);
  const spokenOf = known.filter((face) => face.spokenOf);
  const likely = pairsOf(spokenOf, found, overlapOfSmaller, minSpokenOverlap);
  const ids = new Map<number, string>();
  const taken = new Set<string>();
  for (const { index, id } of [...sure, ...likely]) {
    if (ids.has(index) || taken.has(id)) continue;
    ids.set(index, id);
    taken.add(id);
  }
  return found.map((_face, index) => ids.get(index));
}

/** Pairs that overlap by more than the least, the best first; in the same order for the same faces. */
function pairsOf(
  known: readonly KnownFace[],
  found: readonly { box: PixelBox }[],
  overlapOf: (a: PixelBox, b: PixelBox) => number,
  least: number,
): Pair[] {
  return found
    .flatMap(({ box }, index) =>
      known.map((face) => ({ index, id: face.id, overlap: overlapOf(box, face.box) })),
    )
    .filter(({ overlap }) => overlap > least)
    .sort((a, b) => b.overlap - a.overlap || a.index - b.index || (a.id < b.id ? -1 : 1));
}
