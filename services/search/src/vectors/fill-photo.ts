import type { PreviewSource } from "@ocelli/analysis";
import { AppError, isDeletedOwner } from "@ocelli/chassis";
import type { eventsV1 } from "@ocelli/contracts";
import type { Engine } from "@ocelli/inference";
import type { Kysely, Transaction } from "kysely";
import { findDuplicates } from "../duplicate-detection.ts";
import { markPicture, type PictureMarks } from "../picture-hash.ts";
import { replacePairs } from "../store/duplicate-pairs.ts";
import { findMarksOfBytes, savePicture } from "../store/duplicate-pictures.ts";
import type { StoredModel } from "../store/index-models.ts";
import { lockDocument, saveFailure } from "../store/reindex.ts";
import type { SearchTables } from "../store/tables.ts";
import { findVectorOfBytes, saveVector, vectorOfPhoto } from "../store/vectors.ts";
import { embedPicture, modelOfKey } from "./joint-model.ts";

/** What filling in a photo needs. */
export interface PhotoFilling {
  db: Kysely<SearchTables>;
  engine: Engine;
  previews: PreviewSource;
  signal: AbortSignal;
  /** Attempts that failed, by photo. */
  failures: Map<string, number>;
}

/** What is known of a photo's pixels. */
interface Looks {
  vector: Float32Array | undefined;
  /** Of use for the model that answers only: duplicates are what it confirms. */
  marks: PictureMarks | undefined;
}

const unexplained = AppError.from(new Error("unexplained")).code;
const maxAttempts = 3;

/**
 * Fills in what a photo lacks: its vector by the model and, if that one answers, what tells duplicates, and those. A photo
 * that cannot be read is given up. Throws what has nothing to do with the photo.
 * @returns whether it was looked at, rather than known by its bytes.
 */
export async function fillPhoto(
  filling: PhotoFilling,
  model: StoredModel,
  photo: eventsV1.PhotoRef,
): Promise<boolean> {
  const { db } = filling;
  const known: Looks = {
    vector: await findVectorOfBytes(db, model, photo.sha256),
    marks: model.active ? await findMarksOfBytes(db, photo.sha256) : undefined,
  };
  const isKnown = known.vector !== undefined && (known.marks !== undefined || !model.active);
  const looks = isKnown ? known : await lookAt(filling, model, photo, known);
  if (typeof looks === "string") {
    await change(db, photo, (trx) => saveFailure(trx, model, photo, looks));
    return true;
  }
  const { vector, marks } = looks;
  await change(db, photo, async (trx) => {
    const hasVector = (await vectorOfPhoto(trx, model, photo.ownerId, photo.photoId)) !== undefined;
    if (vector && !hasVector) await saveVector(trx, model, photo, vector);
  });
  if (marks) await saveMarks(db, model, photo, marks);
  return !isKnown;
}

/** In a transaction in which the photo is still there and stays so. */
async function change(
  db: Kysely<SearchTables>,
  photo: eventsV1.PhotoRef,
  effect: (trx: Transaction<SearchTables>) => Promise<void>,
): Promise<void> {
  await db.transaction().execute(async (trx) => {
    if (!(await isDeletedOwner(trx, photo.ownerId)) && (await lockDocument(trx, photo))) await effect(trx);
  });
}

/**
 * The marks together with the duplicates: marks without them would never be looked at again. Not together with the vector,
 * whose lock on the owner's row would have other photos wait that these wait for.
 */
async function saveMarks(
  db: Kysely<SearchTables>,
  model: StoredModel,
  photo: eventsV1.PhotoRef,
  marks: PictureMarks,
): Promise<void> {
  await change(db, photo, async (trx) => {
    await savePicture(trx, photo, marks);
    await replacePairs(trx, photo, await compare(trx, model, photo));
  });
  // Once more: a photo that was embedded at the same time saw nothing of this one, nor this one of it.
  const found = await compare(db, model, photo);
  await db.transaction().execute(async (trx) => {
    if (!(await isDeletedOwner(trx, photo.ownerId))) await replacePairs(trx, photo, found);
  });
}

function compare(db: Kysely<SearchTables>, model: StoredModel, photo: eventsV1.PhotoRef) {
  const ofPhoto = (ownerId: string, photoId: string) => vectorOfPhoto(db, model, ownerId, photoId);
  return findDuplicates({ db, vectors: { model: model.model, ofPhoto } }, photo);
}

/** What is not known yet, from the pixels; or why they cannot be had. */
async function lookAt(
  { engine, previews, signal, failures }: PhotoFilling,
  { model: key, active }: StoredModel,
  photo: eventsV1.PhotoRef,
  known: Looks,
): Promise<Looks | string> {
  const model = modelOfKey(engine, key);
  if (!model) throw new Error(`the manifest has no model ${key}`);
  try {
    const image = await previews.open(photo, ["embed"], signal);
    return {
      vector: known.vector ?? (await embedPicture(engine, model, image, signal)),
      marks: known.marks ?? (active ? await markPicture(image) : undefined),
    };
  } catch (error) {
    signal.throwIfAborted();
    const { code, reason, retryable } = AppError.from(error);
    if (!retryable) return reason;
    const attempts = (failures.get(photo.photoId) ?? 0) + 1;
    // Unexplained, it is this photo's fault or everybody's; the others must not wait for one for ever.
    if (code !== unexplained || attempts < maxAttempts) {
      failures.set(photo.photoId, attempts);
      throw error;
    }
    failures.delete(photo.photoId);
    return reason;
  }
}
