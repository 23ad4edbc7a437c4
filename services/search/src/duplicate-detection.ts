import { decodeEvent, isDeletedOwner, type ServiceHost } from "@ocelli/chassis";
import { events, type eventsV1 } from "@ocelli/contracts";
import { dot } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { isNearDuplicate, maxDistance, maxTurnedDistance } from "./duplicate-rule.ts";
import { bandsNear } from "./hash-bands.ts";
import {
  type DuplicateFindings,
  type DuplicatePair,
  type KnownPair,
  listKnownPairs,
  replacePairs,
} from "./store/duplicate-pairs.ts";
import { findNearHashes, findPicture, findSameBytes, type NearHash } from "./store/duplicate-pictures.ts";
import type { SearchTables } from "./store/tables.ts";
import type { IndexVectors } from "./vectors/index-vectors.ts";

/** The vectors of photos, by one model or another. */
type PhotoVectors = Pick<IndexVectors, "model" | "ofPhoto">;

/** What finding duplicates needs. */
export interface DuplicateDetectionDependencies {
  host: ServiceHost<SearchTables>;
  vectors: PhotoVectors;
}

/**
 * Duplicates looked for per photo, nearest first, then newest: a hundred copies of a picture hang together through fewer. More
 * hashes are looked at, since embeddings may refuse some.
 */
const maxPairs = 20;
const maxNear = 60;

/**
 * Consumes `search.photo.embedded`: compares the photo with its owner's others. Of two photos the one that is embedded
 * later finds the earlier; both are stored by then, so that none is missed, however many are embedded at a time.
 */
export function consumeDuplicates({ host, vectors }: DuplicateDetectionDependencies): void {
  const { db } = host.database;
  host.consume({
    consumer: "search-duplicates",
    filter: events.photoEmbedded.subject,
    cheap: true,
    concurrency: 2,
    async handle(event, { once }) {
      const { photo } = decodeEvent(events.photoEmbedded, event);
      if (!photo) return;
      const found = await findDuplicates({ db, vectors }, photo);
      await once(async (trx) => {
        if (!(await isDeletedOwner(trx, photo.ownerId))) await replacePairs(trx, photo, found);
      });
    },
  });
}

/** Compares a photo with its owner's others, for `replacePairs`; the same bytes first. */
export async function findDuplicates(
  { db, vectors }: { db: Kysely<SearchTables>; vectors: PhotoVectors },
  photo: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
): Promise<DuplicateFindings> {
  // First of all: what others find from now on is kept.
  const before = await listKnownPairs(db, photo);
  const picture = await findPicture(db, photo);
  if (!picture) return { pairs: [], before };
  const { ownerId, photoId } = photo;
  const { hash, turned, sha256 } = picture;
  const same = await findSameBytes(db, { ownerId, photoId, sha256, limit: maxPairs });
  const pairs = same.map((otherId) => ({ otherId, exact: true, distance: 0 }));
  if (hash === null) return asFindings(pairs, before, pairs.length < maxPairs);
  const values = [...bandsNear(hash, 2), ...turned.flatMap((each) => bandsNear(each, 1))];
  const near = await findNearHashes(db, {
    ...{ ownerId, photoId, hash, turned },
    values: [...new Set(values)],
    ...{ maxDistance, maxTurnedDistance, limit: maxNear },
  });
  const known = new Set(same);
  const others = near.filter((each) => !known.has(each.photoId));
  pairs.push(...(await confirmed(vectors, photo, others, maxPairs - pairs.length)));
  return asFindings(pairs, before, pairs.length < maxPairs && near.length < maxNear);
}

/** Where not every duplicate was looked for, those that are not among the pairs may still be some: they stay. */
function asFindings(pairs: DuplicatePair[], before: KnownPair[], complete: boolean): DuplicateFindings {
  return { pairs, before: complete ? before : [] };
}

/** Those that the embeddings take for the same picture too. */
async function confirmed(
  vectors: PhotoVectors,
  { ownerId, photoId }: Pick<eventsV1.PhotoRef, "photoId" | "ownerId">,
  near: readonly NearHash[],
  limit: number,
): Promise<DuplicatePair[]> {
  const pairs: DuplicatePair[] = [];
  // One model for all of them, should another one begin to answer meanwhile.
  const { model } = vectors;
  const own = near.length > 0 ? await vectors.ofPhoto(ownerId, photoId, model) : undefined;
  for (const { photoId: otherId, distance, turnedDistance } of near) {
    if (pairs.length >= limit) break;
    const other = own && (await vectors.ofPhoto(ownerId, otherId, model));
    const cosine = own && other && dot(own, other);
    if (!isNearDuplicate({ distance, turnedDistance, cosine })) continue;
    pairs.push({ otherId, exact: false, distance: Math.min(distance, turnedDistance) });
  }
  return pairs;
}
