import {
  decodePageToken,
  encodePageToken,
  failedPrecondition,
  notFound,
  parsePhotoId,
  resolvePageSize,
} from "@ocelli/chassis";
import type { searchV1 } from "@ocelli/contracts";
import type { Kysely } from "kysely";
import { z } from "zod";
import { parseMinLikeness, toHits } from "./likeness.ts";
import { isPhotoOf } from "./store/own-photos.ts";
import type { SearchTables } from "./store/tables.ts";
import type { IndexVectors } from "./vectors/index-vectors.ts";
import { acrossSwitches } from "./vectors/switches.ts";
import type { Neighbour } from "./vectors.ts";

/** What finding similar photos needs. */
export interface SimilarDependencies {
  db: Kysely<SearchTables>;
  vectors: Pick<IndexVectors, "model" | "follow" | "ofPhoto" | "nearest">;
}

const pageLimits = { defaultSize: 20, maxSize: 100 };
// Paging ends here, as it does for searches: nobody looks at the 500th photo.
const candidateLimit = 500;
const cursorSchema = z.object({ score: z.number(), photoId: z.string() });

/**
 * Photos of the owner that look like one of them, never that one.
 * @throws AppError NOT_FOUND/PHOTO_NOT_FOUND, FAILED_PRECONDITION/PHOTO_NOT_EMBEDDED, INVALID_ARGUMENT/{INVALID_MIN_SCORE,
 *   INVALID_PAGE_SIZE,INVALID_PAGE_TOKEN}.
 */
export async function findSimilar(
  { db, vectors }: SimilarDependencies,
  ownerId: string,
  request: searchV1.FindSimilarRequest,
): Promise<searchV1.FindSimilarResponse> {
  const photoId = parsePhotoId(request.photoId);
  const minScore = parseMinLikeness(request.minScore);
  const size = resolvePageSize(request.pageSize, pageLimits);
  const list = ["similar", ownerId, photoId, request.minScore ?? null];
  const after = decodePageToken(request.pageToken, cursorSchema, list);
  const neighbours = await acrossSwitches(vectors, () => neighboursOf(vectors, ownerId, photoId));
  if (!neighbours) throw await missing(db, ownerId, photoId);
  const found = toHits(neighbours, minScore);
  const rest = after
    ? found.filter(
        (hit) => hit.score < after.score || (hit.score === after.score && hit.photoId < after.photoId),
      )
    : found;
  const hits = rest.slice(0, size);
  const last = rest.length > size ? hits.at(-1) : undefined;
  const cursor = last && { score: last.score, photoId: last.photoId };
  return { hits, nextPageToken: cursor ? encodePageToken(cursor, list) : "" };
}

/** Undefined for a photo without a vector. */
async function neighboursOf(
  vectors: SimilarDependencies["vectors"],
  ownerId: string,
  photoId: string,
): Promise<Neighbour[] | undefined> {
  const { model } = vectors;
  const embedding = await vectors.ofPhoto(ownerId, photoId, model);
  if (!embedding) return undefined;
  // One more: the nearest of all is the photo itself.
  const neighbours = await vectors.nearest({ ownerId, model, embedding, limit: candidateLimit + 1 });
  return neighbours.filter((neighbour) => neighbour.photoId !== photoId);
}

async function missing(db: Kysely<SearchTables>, ownerId: string, photoId: string) {
  return (await isPhotoOf(db, ownerId, photoId))
    ? failedPrecondition("PHOTO_NOT_EMBEDDED", "This photo was not looked at yet.")
    : notFound("PHOTO_NOT_FOUND", "There is no such photo.");
}
