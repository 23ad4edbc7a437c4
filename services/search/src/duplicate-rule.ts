/**
 * When two pictures are the same one in another size, format, quality or crop. Measured on 15 photos with the starter
 * models (docs/search.md has the table): copies that were resized, recompressed, blurred, brightened or turned grey differ
 * in 0 to 6 bits, a border or crop of 3 % in 2 to 10 with few exceptions; a second photo of the scene (another frame by
 * 6 % or more) in 12 to 28, and of 2,775 pairs of different pictures none in fewer than 18.
 */
export const maxDistance = 10;
/**
 * Up to here the hashes all but say it alone, and the embedding only has to agree that it may be the same: it loses
 * much of a picture that was shrunk to a few pixels (cosine .5) or blurred.
 */
const closeDistance = 4;
const leastCosineClose = 0.5;
/**
 * Further away both must say it. Crops, rims and turns by a degree keep cosines of .94 and more; different pictures of
 * the same kind (portraits, parts of one scene) reach .90.
 */
const leastCosine = 0.9;
/** Pictures turned by a quarter or a half: the embedding takes them for others, so the hashes must be as good as equal. */
export const maxTurnedDistance = 4;

/** How two pictures compare. */
export interface Likeness {
  /** Bits of 64 in which the hashes differ. */
  distance: number;
  /** Bits in which they differ when one is turned. */
  turnedDistance: number;
  /** Cosine of the embeddings; undefined while one of them is missing. */
  cosine: number | undefined;
}

/** True for the same picture in another shape; "similar" alone is not enough. */
export function isNearDuplicate({ distance, turnedDistance, cosine }: Likeness): boolean {
  if (turnedDistance <= maxTurnedDistance) return true;
  if (cosine === undefined) return false;
  return (
    (distance <= closeDistance && cosine >= leastCosineClose) ||
    (distance <= maxDistance && cosine >= leastCosine)
  );
}
