import { isDeletedPhoto, isPhotoGone, type PreviewSource } from "@ocelli/analysis";
import { AppError } from "@ocelli/chassis";
import type { Engine, RgbImage } from "@ocelli/inference";
import type { Kysely } from "kysely";
import { cutChip } from "./model/align.ts";
import { cutCrop } from "./model/crop.ts";
import { embedFace } from "./model/embed.ts";
import type { Point } from "./model/types.ts";
import { type FaceCrop, saveCrops } from "./store/crops.ts";
import { addEmbeddings, type FaceEmbedding } from "./store/embeddings.ts";
import { advancePass, type FillLease } from "./store/face-models.ts";
import { listUnfinishedFaces, type UnfinishedFace, type UnfinishedPhoto } from "./store/missing-parts.ts";
import { lockFacesEnabled } from "./store/owners.ts";
import type { FaceTables } from "./store/tables.ts";

/** What filling stands on. */
export interface FillOptions {
  db: Kysely<FaceTables>;
  engine: Engine;
  previews: PreviewSource;
}

/** What was made of a photo's faces, or that the photo cannot be read, now or ever. */
export type FillOutcome = { embeddings: FaceEmbedding[]; crops: FaceCrop[] } | "unreadable";

/** Reasons for which a photo stays as it is: a further try would end the same way. */
const unreadable = new Set([
  "UNSUPPORTED_MEDIA_TYPE",
  "CORRUPT_IMAGE",
  "TOO_MANY_PIXELS",
  "TOO_MANY_ATTEMPTS",
  "PREVIEW_NOT_FOUND",
]);

/**
 * Makes, from its preview, what a photo's faces lack. Stores nothing.
 * @throws AppError and the engine's errors for what may pass: overload, an unreachable library.
 */
export async function makeMissingParts(
  { db, engine, previews }: FillOptions,
  photo: UnfinishedPhoto,
  { model, signal }: { model: string; signal: AbortSignal },
): Promise<FillOutcome> {
  const faces = await listUnfinishedFaces(db, model, photo);
  if (faces.length === 0) return { embeddings: [], crops: [] };
  try {
    // No stage: this is no analysis that the photo's owner waits for.
    const image = await previews.open(photo, [], signal);
    const made = await Promise.all(faces.map((face) => makeParts(engine, image, face)));
    return {
      embeddings: made.flatMap(({ embedding }) => embedding ?? []),
      crops: made.flatMap(({ crop }) => crop ?? []),
    };
  } catch (error) {
    if (isPhotoGone(error) || unreadable.has(AppError.from(error).reason)) return "unreadable";
    throw error;
  }
}

async function makeParts(
  engine: Engine,
  image: RgbImage,
  { id, box, landmarks, hasEmbedding, hasCrop }: UnfinishedFace,
): Promise<{ embedding?: FaceEmbedding; crop?: FaceCrop }> {
  const points = landmarks.map(([x, y]): Point => [x * image.width, y * image.height]);
  return {
    ...(!hasEmbedding && {
      embedding: { faceId: id, embedding: await embedFace(engine, cutChip(image, points)) },
    }),
    ...(!hasCrop && { crop: { faceId: id, crop: await cutCrop(image, box) } }),
  };
}

/**
 * Stores what was made, and that the photo was looked at. Of a photo that was deleted, of faces that were erased, and of
 * an owner who turned face processing off meanwhile nothing is stored.
 */
export async function saveMissingParts(
  db: Kysely<FaceTables>,
  photo: UnfinishedPhoto,
  outcome: FillOutcome,
  lease: FillLease,
): Promise<void> {
  const { ownerId, photoId } = photo;
  await db.transaction().execute(async (trx) => {
    let faces = 0;
    const gone = (await isDeletedPhoto(trx, photo)) || !(await lockFacesEnabled(trx, ownerId));
    if (!gone && outcome !== "unreadable") {
      const still = await listUnfinishedFaces(trx, lease.model, photo);
      const wanted = <T extends { faceId: string }>(parts: T[], has: "hasEmbedding" | "hasCrop") =>
        parts.filter(({ faceId }) => still.some((face) => face.id === faceId && !face[has]));
      const embeddings = wanted(outcome.embeddings, "hasEmbedding");
      const crops = wanted(outcome.crops, "hasCrop");
      await addEmbeddings(trx, ownerId, lease.model, embeddings);
      await saveCrops(trx, ownerId, crops);
      faces = embeddings.length + crops.length;
    }
    await advancePass(trx, lease, { photoId, faces, skipped: outcome === "unreadable" });
  });
}
