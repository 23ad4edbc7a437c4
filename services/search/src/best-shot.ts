import { searchV1 } from "@ocelli/contracts";
import { hashBits, hashDistance } from "./picture-hash.ts";
import type { ComparablePhoto } from "./store/duplicates.ts";

const { DUPLICATE_KIND_EXACT, DUPLICATE_KIND_NEAR } = searchV1.DuplicateKind;

/** A group with the photo that is best kept first: the most pixels, then the sharpest, then the largest file. */
export function rankGroup(members: readonly ComparablePhoto[]): searchV1.DuplicateGroup {
  const ranked = members.toSorted(byQuality);
  const best = ranked[0];
  const id = members.map(({ photoId }) => photoId).toSorted()[0] ?? "";
  const exact = members.every(({ sha256 }) => sha256 === best?.sha256);
  const photos = ranked.map((photo) => ({
    photoId: photo.photoId,
    similarity: best ? similarityOf(best, photo) : 1,
    best: photo === best,
    width: photo.width,
    height: photo.height,
    sizeBytes: photo.sizeBytes,
    sharpness: photo.sharpness,
  }));
  return { id, kind: exact ? DUPLICATE_KIND_EXACT : DUPLICATE_KIND_NEAR, photos };
}

/** Better first; of equals the older, which others may already refer to. */
function byQuality(a: ComparablePhoto, b: ComparablePhoto): number {
  return (
    b.width * b.height - a.width * a.height ||
    b.sharpness - a.sharpness ||
    b.sizeBytes - a.sizeBytes ||
    (a.photoId < b.photoId ? -1 : 1)
  );
}

/** Share of equal bits of the hashes, turned where that is nearer; 1 for the same bytes. */
function similarityOf(best: ComparablePhoto, photo: ComparablePhoto): number {
  if (photo.sha256 === best.sha256) return 1;
  const { hash } = photo;
  const mine = best.hash === null ? [] : [best.hash, ...best.turned];
  if (hash === null || mine.length === 0) return 0;
  return 1 - Math.min(...mine.map((each) => hashDistance(each, hash))) / hashBits;
}
